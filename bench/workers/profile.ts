import { backend, DType } from '../../src/tf/index';

/** An op and the shape of its output, if it has one. */
export interface ProfileRow {
  op: string;
  milliseconds: number;
  calls: number;
}

/** The time and the number of calls of each op in one run of `body`, slowest first. */
export function profile(body: () => void): ProfileRow[] {
  const { binding } = backend();
  const rows = new Map<string, ProfileRow>();
  const addRow = (op: string, started: number) => {
    const elapsed = performance.now() - started;
    const row = rows.get(op) ?? { op, milliseconds: 0, calls: 0 };
    rows.set(op, { op, milliseconds: row.milliseconds + elapsed, calls: row.calls + 1 });
  };
  const executeOp: typeof binding.executeOp = (name, ...args) => {
    const started = performance.now();
    const results = binding.executeOp(name, ...args);
    const [first] = results;
    const shape = first ? ` ${first.shape.join('×')}` : '';
    addRow(`${name}${shape}${first?.dtype === DType.bfloat16 ? ' bfloat16' : ''}`, started);
    return results;
  };
  const adamWStep: typeof binding.adamWStep = (...args) => {
    const started = performance.now();
    binding.adamWStep(...args);
    addRow('AdamW', started);
  };
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
