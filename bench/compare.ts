import { device, type Precision } from '../src/tf/index';
import { streamProgress } from '../src/viz/index';
import { type Contender, type Sizes, startOurs, startStock, startTorch } from './contender';
import { type Measured, measure } from './measure';
import type { Report } from './report';
import { type Measurements, NAMES, summarise, summaryText, torchName } from './summary';
import { fastestTorch, type TunedTorch, torchPython } from './torch';

export const TIMED = ['step', 'evaluate', 'latency'] as const;
export type Timed = (typeof TIMED)[number];

export interface CompareOptions extends Sizes {
  rounds: number;
  only: Timed[];
  torch: boolean;
  stock: boolean;
}

/** Times this project in `best`, its fastest precision, and in float32, PyTorch and stock tfjs. */
export async function compare(
  options: CompareOptions,
  best: Precision,
  say: (line: string) => void,
): Promise<Report> {
  const { kind, name } = device();
  say(kind === 'GPU' ? `All on the ${name}` : 'No GPU: all on the CPU');
  const low = best === 'float32' ? 'bfloat16' : best;
  const python = options.torch ? torchPython(say) : undefined;
  const tuned: TunedTorch = python ? await fastestTorch(python, options, low, say) : {};
  const contenders: Contender[] = [];
  try {
    contenders.push(await startOurs(options, best));
    if (best !== 'float32') {
      contenders.push(await startOurs(options, 'float32', { name: NAMES.oursFloat32 }));
    }
    if (python) {
      contenders.push(await startTorch(python, 'article', options, NAMES.article));
      for (const kind of Object.values(tuned)) {
        if (kind) contenders.push(await startTorch(python, kind, options, torchName(kind)));
      }
    }
    if (options.stock) contenders.push(await startStock(options, NAMES.stock));
    const json = summarise(options, best, tuned, await measureAll(contenders, options));
    return { name: 'bench', json, text: summaryText(json, options.rounds) };
  } finally {
    for (const contender of contenders) contender.stop();
  }
}

async function measureAll(
  contenders: Contender[],
  { rounds, only }: CompareOptions,
): Promise<Measurements> {
  const progress = streamProgress(process.stderr);
  const [ours] = contenders;
  const oursFloat32 = contenders.find(({ name }) => name === NAMES.oursFloat32) ?? ours;
  // What the machine can do is its best rate, so this is measured several times.
  const rates: number[] = [];
  const ratesFloat32: number[] = [];
  const results: Partial<Record<Timed, Map<string, Measured>>> = {};
  for (const [task, count, warmUp] of [
    ['step', rounds, 10],
    ['evaluate', rounds, 2],
    ['latency', 3 * rounds, 5],
  ] as const) {
    if (!only.includes(task)) continue;
    results[task] = await measure(contenders, task, count, warmUp, progress);
    rates.push((await ours.ask('rate')).value as number);
    ratesFloat32.push((await oursFloat32.ask('rate')).value as number);
  }
  return { ...results, rate: Math.max(...rates), rateFloat32: Math.max(...ratesFloat32) };
}
