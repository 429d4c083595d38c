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

/** Results by contender; undefined if not asked for. Rates of convolutions in FLOP/s. */
export interface Measurements {
  step?: Map<string, Measured>;
  evaluate?: Map<string, Measured>;
  latency?: Map<string, Measured>;
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
  const steps = step && compared(step);
  return {
    machine: machine(sizes),
    step: steps && {
      ...steps,
      gigaFlops: flops / 1e9,
      convolutionGigaFlopsPerSecond: rate / 1e9,
      floorSeconds: flops / rate,
      floorSecondsFloat32: flops / rateFloat32,
      ratioToFloor: steps.ours.medianSeconds / (flops / rate),
      ratioToFloorFloat32: steps.oursFloat32.medianSeconds / (flops / rateFloat32),
    },
    evaluate: evaluate && compared(evaluate),
    latency: latency && compared(latency),
  };
}

/** Two FLOPs per multiply–accumulate, for the forward pass, the weight gradients and the input gradients alike. */
function stepFlops({ batchSize, inputSize }: Sizes): number {
  const rows = layerTable(ALEXNET, { inputSize, channels: 1, classes: 10 });
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  return 2 * batchSize * (3 * macs - rows[0].macs); // the images need no gradient
}

/** One row of the table: our time or memory beside another's. */
interface Row {
  what: string;
  ours: number;
  peer: string;
  theirs: number;
  unit: 's' | 'ms' | 'MiB';
  /** p90 / p10 of the worse of the two. */
  spread?: number;
}

/** Other work on the machine disturbed a row whose slow rounds took so much longer than its fast ones. */
const DISTURBED = 1.4;

/** The measurements as rows, ours beside each peer's. */
function rowsOf({ step, evaluate, latency }: Summary): Row[] {
  const rows: Row[] = [];
  for (const [what, results, unit] of [
    ['training step', step, 's'],
    ['evaluation of a batch', evaluate, 's'],
    ['one image', latency, 'ms'],
  ] as const) {
    if (!results) continue;
    const { ours, oursFloat32, peers } = results;
    for (const peer of peers) {
      const mine = peer.name.includes('float32') ? oursFloat32 : ours;
      const spread = Math.max(mine.p90 / mine.p10, peer.p90 / peer.p10);
      const [own, its] = [mine, peer].map(
        (each) => (unit === 'ms' ? 1000 : 1) * each.medianSeconds,
      );
      rows.push({
        what: `${what}, ${mine.precision}`,
        ours: own,
        peer: peer.name,
        theirs: its,
        unit,
        spread,
      });
      if (results !== step) continue;
      const [memory, theirs] = [mine, peer].map((each) => each.peakRssMiB);
      rows.push({
        what: `peak memory, ${mine.precision}`,
        ours: memory,
        peer: peer.name,
        theirs,
        unit: 'MiB',
      });
    }
  }
  return rows;
}

export function summaryText(summary: Summary, rounds: number): string {
  const { cpu, device, threads, batchSize, inputSize } = summary.machine;
  const digits = { s: 3, ms: 1, MiB: 0 };
  const rows = rowsOf(summary).map(({ what, ours, peer, theirs, unit, spread = 1 }) => [
    what,
    `${ours.toFixed(digits[unit])} ${unit}`,
    peer,
    `${theirs.toFixed(digits[unit])} ${unit}`,
    (ours / theirs).toFixed(2),
    (ours <= theirs ? 'ahead' : 'behind') +
      (spread > DISTURBED
        ? `, but disturbed: slow rounds took ${spread.toFixed(1)} times as long`
        : ''),
  ]);
  const { step } = summary;
  const floor = step
    ? `\nA step takes at least ${step.floorSeconds.toFixed(2)} s: its FLOPs at the rate of conv2's forward convolution (in float32 ${step.floorSecondsFloat32.toFixed(2)} s).`
    : '';
  return `
${cpu}, ${threads} threads, on the ${device}; batches of ${batchSize} at ${inputSize}×${inputSize}; medians of ${rounds} rounds

${markdownTable(['what', 'ours', 'compared with', 'theirs', 'ratio', ''], rows)}
${floor}`;
}
