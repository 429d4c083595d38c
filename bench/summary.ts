/** The result of `npm run bench`: medians, ratios between contenders, and the floor of a step. */
import { ALEXNET, layerTable } from '../src/model/index';
import type { Precision } from '../src/tf/index';
import type { Sizes } from './contender';
import type { Measured } from './measure';
import { machine, markdownTable } from './report';

export const NAMES = {
  ours: 'ours',
  oursFloat32: 'ours float32',
  article: "PyTorch, the article's code",
  stock: 'stock tfjs',
};

export const torchName = (kind: string) => `PyTorch tuned, ${kind.replace('-', ', ')}`;

/** Results by contender; rates of convolutions in FLOP/s. */
export interface Measurements {
  step: Map<string, Measured>;
  evaluate: Map<string, Measured>;
  latency: Map<string, Measured>;
  rate: number;
  rateFloat32: number;
}

type Summary = ReturnType<typeof summarise>;

/** `tuned` are the fastest kinds of PyTorch by precision. */
export function summarise(
  sizes: Sizes,
  best: Precision,
  tuned: Partial<Record<Precision, string>>,
  { step, evaluate, latency, rate, rateFloat32 }: Measurements,
) {
  const compared = (results: Map<string, Measured>) => {
    const ours = { precision: best, ...results.get(NAMES.ours)! };
    const oursFloat32 = {
      precision: 'float32',
      ...(results.get(NAMES.oursFloat32) ?? results.get(NAMES.ours)!),
    };
    const ratio = (mine: Measured, name: string | undefined) => {
      const peer = results.get(name ?? '');
      return peer ? mine.medianSeconds / peer.medianSeconds : null;
    };
    const peer = (precision: Precision) => {
      const kind = tuned[precision];
      return kind && torchName(kind);
    };
    return {
      ours,
      oursFloat32,
      peers: [...results.values()].filter(
        ({ name }) => name !== NAMES.ours && name !== NAMES.oursFloat32,
      ),
      ratioToArticle: ratio(ours, NAMES.article),
      ratioToBestPeer: ratio(ours, peer(best)),
      ratioToBestPeerFloat32: ratio(oursFloat32, peer('float32')),
      ratioToStock: ratio(ours, NAMES.stock),
    };
  };
  const flops = stepFlops(sizes);
  const steps = compared(step);
  return {
    machine: machine(sizes),
    step: {
      ...steps,
      gigaFlops: flops / 1e9,
      convolutionGigaFlopsPerSecond: rate / 1e9,
      floorSeconds: flops / rate,
      floorSecondsFloat32: flops / rateFloat32,
      ratioToFloor: steps.ours.medianSeconds / (flops / rate),
      ratioToFloorFloat32: steps.oursFloat32.medianSeconds / (flops / rateFloat32),
    },
    evaluate: compared(evaluate),
    latency: compared(latency),
  };
}

/** Two FLOPs per multiply–accumulate, for the forward pass, the weight gradients and the input gradients alike. */
function stepFlops({ batchSize, inputSize }: Sizes): number {
  const rows = layerTable(ALEXNET, { inputSize, channels: 1, classes: 10 });
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  return 2 * batchSize * (3 * macs - rows[0].macs); // the images need no gradient
}

export function summaryText({ machine, step, evaluate, latency }: Summary, rounds: number): string {
  const { cpu, device, threads, batchSize, inputSize } = machine;
  const all = ({ ours, oursFloat32, peers }: Summary['evaluate']) =>
    ours.name === oursFloat32.name ? [ours, ...peers] : [ours, oursFloat32, ...peers];
  const [evaluations, latencies] = [all(evaluate), all(latency)];
  const rows = all(step).map(({ name, medianSeconds, p10, p90, peakRssMiB }, i) => [
    name,
    medianSeconds.toFixed(3),
    `${p10.toFixed(3)}–${p90.toFixed(3)}`,
    (batchSize / medianSeconds).toFixed(0),
    peakRssMiB.toFixed(0),
    (batchSize / evaluations[i].medianSeconds).toFixed(0),
    (1000 * latencies[i].medianSeconds).toFixed(1),
  ]);
  const columns = [
    ...['', 'step (s)', 'p10–p90', 'train (images/s)', 'peak memory (MiB)'],
    ...['evaluate (images/s)', 'one image (ms)'],
  ];
  const number = (value: number | null) => value?.toFixed(2) ?? 'not measured';
  return `
${cpu}, ${threads} threads, on the ${device}; batches of ${batchSize} at ${inputSize}×${inputSize}; medians of ${rounds} rounds

${markdownTable(columns, rows)}

Step: ${number(step.ratioToArticle)} of the article's code, ${number(step.ratioToBestPeer)} of the best-tuned PyTorch
  in float32 against its float32: ${number(step.ratioToBestPeerFloat32)}
  floor ${number(step.floorSeconds)} s: ratio ${number(step.ratioToFloor)}; in float32 ${number(step.floorSecondsFloat32)} s: ratio ${number(step.ratioToFloorFloat32)}
Evaluation: ${number(evaluate.ratioToBestPeer)} of the best-tuned PyTorch's time, float32 ${number(evaluate.ratioToBestPeerFloat32)}
One image: ${number(latency.ratioToBestPeer)}, float32 ${number(latency.ratioToBestPeerFloat32)}`;
}
