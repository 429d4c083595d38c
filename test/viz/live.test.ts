/** What a notebook gets while it trains. The display is tslab's, replaced by a list. */

import { evaluate } from '../../src/evaluate/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { train } from '../../src/train/index';
import { showTraining, tqdm } from '../../src/viz/index';
import { barSet } from '../support/sets';

interface Sent {
  id: string;
  update: boolean;
  data: Record<string, string>;
}

const layers: LayerSpec[] = [
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];
const jupyter = require('tslab/dist/jupyter');
let sent: Sent[];
const hasScript = (data: Sent['data']) => data['text/html']?.includes('<script>');

beforeEach(() => {
  sent = [];
  jupyter.lastWriteDisplayData = (
    { data, transient }: { data: Sent['data']; transient: { display_id: string } },
    update: boolean,
  ) => sent.push({ data, update, id: transient.display_id });
});
afterEach(() => {
  jupyter.lastWriteDisplayData = null;
});

test('the curves and the progress line are created once and then updated', async () => {
  const model = alexnet({ inputSize: 28, layers });
  const set = barSet(40);
  const show = showTraining({ seconds: 0 });
  await train(model, set, {
    epochs: 2,
    batchSize: 10,
    validate: () =>
      evaluate(model, barSet(10), { onProgress: show.onProgress, label: 'Validating' }),
    ...show,
  });
  model.dispose();

  const made = sent.filter(({ update }) => !update).map(({ id }) => id);
  const [curves, line] = made;
  expect(made.length).toBe(2);
  expect(line).toBe(`${curves}-line`);

  const drawings = sent.filter(({ id, data }) => id === line && hasScript(data));
  expect(drawings.length).toBe(4 + 4 + 1); // every step, and the end of the first epoch
  const [, given] = drawings[8].data['text/html'].match(/drawLive\((\{.*\})\)<\/script>$/)!;
  const { figure } = JSON.parse(given);
  expect(figure.data[0].x).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(figure.data.find((trace: { name: string }) => trace.name === 'Validation').x).toEqual([4]);

  // What remains is an ordinary figure and the line, without scripts.
  const last = (id: string) => sent.filter((each) => each.id === id).at(-1)!.data;
  expect(Object.keys(last(curves))).toEqual([
    'application/vnd.plotly.v1+json',
    'image/svg+xml',
    'text/plain',
  ]);
  expect(last(line)['text/plain']).toMatch(/^Validating: 100%/);
  // The epoch's own line stays above that of its validation.
  expect(last(line)['text/html']).toMatch(/^<pre>Epoch 2\/2: 100%.*\nValidating: 100%.*<\/pre>$/);
  // There are always two lines, or the page would jump.
  for (const { data } of sent.filter(({ id }) => id === line)) {
    expect(data['text/html'].match(/<pre>([\s\S]*)<\/pre>/)?.[1].split('\n').length).toBe(2);
  }
});

test('between two drawings only the progress line is updated', async () => {
  const model = alexnet({ inputSize: 28, layers });
  await train(model, barSet(40), { epochs: 1, batchSize: 10, ...showTraining({ seconds: 60 }) });
  model.dispose();
  expect(sent.filter(({ data }) => hasScript(data)).length).toBe(1);
});

test('tqdm passes the items on and shows how many are done in one line', async () => {
  const items: string[] = [];
  for await (const item of tqdm(['a', 'b', 'c'], 'Letters', 'letter')) items.push(item);
  expect(items).toEqual(['a', 'b', 'c']);
  const lines = sent.map(({ data }) => data['text/plain']);
  expect(lines[0]).toMatch(/^Letters: +0%.* 0\/3 \[00:00<\?/);
  expect(lines.at(-1)).toMatch(/^Letters: 100%.* 3\/3 /);
  expect(sent.map(({ update }) => update)).toEqual([false, ...sent.slice(1).map(() => true)]);
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
});
