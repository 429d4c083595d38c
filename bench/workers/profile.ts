import { backend, DType } from '../../src/tf/index';

/** An op and the shape of its output. */
export interface ProfileRow {
  op: string;
  milliseconds: number;
  calls: number;
}

/** The time and the number of calls of each op in one run of `body`, slowest first. */
export function profile(body: () => void): ProfileRow[] {
  const { binding } = backend();
  const rows = new Map<string, ProfileRow>();
  const timed = (name: string, call: () => ReturnType<typeof binding.executeOp>) => {
    const started = performance.now();
    const results = call();
    const elapsed = performance.now() - started;
    const [first] = results;
    const shape = first ? ` ${first.shape.join('×')}` : '';
    const op = `${name}${shape}${first?.dtype === DType.bfloat16 ? ' bfloat16' : ''}`;
    const row = rows.get(op) ?? { op, milliseconds: 0, calls: 0 };
    rows.set(op, { op, milliseconds: row.milliseconds + elapsed, calls: row.calls + 1 });
    return results;
  };
  const executeOp: typeof binding.executeOp = (name, ...args) =>
    timed(name, () => binding.executeOp(name, ...args));
  const adamWStep: typeof binding.adamWStep = (...args) =>
    timed('AdamW', () => binding.adamWStep(...args));
  Object.assign(backend(), {
    binding: Object.create(binding, {
      executeOp: { value: executeOp },
      adamWStep: { value: adamWStep },
    }),
  });
  try {
    body();
  } finally {
    Object.assign(backend(), { binding });
  }
  return [...rows.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
