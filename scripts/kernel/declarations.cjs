// The type declarations of src/, kept for the next kernel in build/declarations.json. TypeScript reads a file's
// declarations several times faster than the file, and need not check it again.
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/** [name, text] */
const withText = (file) => [file, fs.readFileSync(file, 'utf8')];
const declarationFile = (file) => file.replace(/\.ts$/, '.d.ts');

/**
 * `sources`: the text of each file of src/. `saved`: the declarations by file name, which earlier kernels made from
 * exactly these texts and these packages; else none.
 */
function openDeclarations(root) {
  const folder = path.join(root, 'src');
  const file = path.join(root, 'build', 'declarations.json');
  const names = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'));
  const sources = new Map(names.sort().map((name) => withText(path.join(folder, name))));
  const all = JSON.stringify([...sources, withText(path.join(root, 'package-lock.json'))]);
  const key = crypto.createHash('sha256').update(all).digest('hex');
  const saved = read();
  const added = new Map();
  let isMixed = false;

  function read() {
    try {
      const content = JSON.parse(fs.readFileSync(file, 'utf8'));
      return new Map(content.key === key ? content.files : []);
    } catch {
      return new Map(); // none yet, or damaged
    }
  }

  return {
    sources,
    saved,
    /** `source`: TypeScript's SourceFile, without errors. */
    add(source, text) {
      if (!source.fileName.startsWith(folder + path.sep)) return;
      // Edited since the kernel started: the declarations of files that import it may depend on the new text.
      isMixed ||= source.text !== sources.get(source.fileName);
      added.set(declarationFile(source.fileName), text);
    },
    /** Saves what was added, and what other kernels saved meanwhile. */
    save() {
      if (added.size === 0 || isMixed) return;
      const whole = `${file}.${process.pid}`;
      try {
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(whole, JSON.stringify({ key, files: [...read(), ...added] }));
        fs.renameSync(whole, file);
      } catch {} // The disk is full, or not ours: the next kernel takes longer.
      added.clear();
    },
  };
}

module.exports = { declarationFile, openDeclarations };
