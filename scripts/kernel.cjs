// The Jupyter kernel: tslab, working in the project's root, so that cells can import ./src/… .
// (tslab resolves imports from its working directory, which Jupyter sets to the notebook's folder.)
const path = require('node:path');

process.chdir(path.dirname(__dirname));
const { startKernel } = require('tslab/dist/main.js');
startKernel({ configPath: process.argv[2], enableFindLocal: false });
