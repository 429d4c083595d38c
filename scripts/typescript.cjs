// Lets Node run TypeScript: `node --require`. tsx compiles our files. It would also look through every file of every
// package, for syntax that this Node lacks and for source maps, which takes as long as loading them.
const { _extensions } = require('node:module');
const path = require('node:path');
require('./preload.cjs');

// tsx would obey a tsconfig.json in the current folder or above it, which can replace any module.
process.env.TSX_TSCONFIG_PATH = path.join(__dirname, '..', 'tsconfig.json');

const load = _extensions['.js'];
require('tsx/cjs');
_extensions['.js'] = (module, file) => {
  process.setSourceMapsEnabled(false);
  try {
    load(module, file);
  } finally {
    process.setSourceMapsEnabled(true);
  }
};
