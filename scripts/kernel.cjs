// The Jupyter kernel: tslab, running in the project's root so that cells can import ./src/… .
// (tslab resolves imports from its working directory, and Jupyter sets that to the notebook's folder.)
const path = require('node:path');

process.chdir(path.dirname(__dirname));
spellOutShorthand();
const { startKernel } = require('tslab/dist/main.js');
startKernel({ configPath: process.argv[2], enableFindLocal: false });

/**
 * In tslab 1.0.22 the shorthand `{ layers }` fails with "layers is not defined" if `layers` comes from an
 * earlier cell. So it is expanded to `{ layers: layers }` before a cell is compiled.
 */
function spellOutShorthand() {
  const ts = require('@tslab/typescript-for-tslab');
  const converter = require('tslab/dist/converter.js');
  const { createConverter } = converter;
  converter.createConverter = (options) => {
    const { convert, ...rest } = createConverter(options);
    return {
      ...rest,
      convert: (declarations, cell) => convert(declarations, spelledOut(ts, cell)),
    };
  };
}

function spelledOut(ts, cell) {
  const ends = [];
  const visit = (node) => {
    if (ts.isShorthandPropertyAssignment(node) && !node.objectAssignmentInitializer)
      ends.push(node);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('cell.ts', cell, ts.ScriptTarget.Latest, true));
  return ends
    .reverse()
    .reduce(
      (text, { name }) => `${text.slice(0, name.end)}: ${name.text}${text.slice(name.end)}`,
      cell,
    );
}
