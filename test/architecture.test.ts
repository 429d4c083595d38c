/** The rules of the layout: which folder may import which, one entry per folder, no cycles (types included). */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../src');
const SHARED = [
  'errors',
  'checks',
  'doubt',
  'files',
  'memory',
  'interrupt',
  'progress',
  'root',
  'settings',
  'stand-in',
];
const CORE = ['data', 'model', 'train', 'evaluate', 'predict', 'viz'];

/** What each folder may import, besides the shared files. */
const ALLOWED: Record<string, string[]> = {
  tf: [],
  image: [],
  decode: ['image'],
  ...Object.fromEntries(
    CORE.map((name, i) => [name, ['tf', 'image', 'decode', ...CORE.slice(0, i)]]),
  ),
  explain: ['tf', 'image', ...CORE],
  pytorch: ['tf', 'model'],
  storage: ['tf', 'model', 'pytorch'],
  'fine-tune': ['tf', 'data', 'model'],
  runs: ['tf', 'storage', 'fine-tune', ...CORE],
  workers: ['tf', 'runs'],
  datasets: ['decode', 'data'],
  download: [],
  draw: ['image', 'model', 'storage'],
  cli: [
    ...[
      'tf',
      'image',
      'decode',
      'datasets',
      'explain',
      'storage',
      'fine-tune',
      'pytorch',
      'runs',
      'workers',
      'download',
      'draw',
    ],
    ...CORE,
  ],
};

const files = fs
  .readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));

/** Each file with the files it imports, types included, relative to src/. */
const imports = new Map(
  files.map((file) => {
    const { importedFiles } = ts.preProcessFile(fs.readFileSync(path.join(root, file), 'utf8'));
    const local = importedFiles.filter(({ fileName }) => fileName.startsWith('.'));
    return [file, local.map(({ fileName }) => path.join(path.dirname(file), `${fileName}.ts`))];
  }),
);
const folderOf = (file: string) => (file.includes(path.sep) ? file.split(path.sep)[0] : '');

test('folders import only what stands before them, and only through its index', () => {
  const wrong = [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => folderOf(target) !== folderOf(file) || !folderOf(target))
      .filter((target) => {
        const [from, to] = [folderOf(file), folderOf(target)];
        const name = target.replace(/\.ts$/, '');
        if (to === '') return !SHARED.includes(name);
        return !ALLOWED[from]?.includes(to) || name !== path.join(to, 'index');
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('no file imports itself through others', () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: string[]) => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (done.has(file) || trail.includes(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('the loop and the step stay short', () => {
  const lines = (file: string) => fs.readFileSync(path.join(root, file), 'utf8').split('\n').length;
  expect(lines('train/step.ts')).toBeLessThanOrEqual(80);
  expect(lines('train/loop.ts')).toBeLessThanOrEqual(100);
});
