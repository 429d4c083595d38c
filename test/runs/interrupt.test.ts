import { interruptible } from '../../src/runs/index';

test('the first interrupt aborts the signal, and other handlers get the next one', async () => {
  let heard = 0;
  const other = () => {
    heard++;
  };
  process.on('SIGINT', other);
  try {
    const aborted = await interruptible(async (signal) => {
      expect(signal.aborted).toBe(false);
      process.emit('SIGINT');
      return signal.aborted;
    });
    expect([aborted, heard]).toEqual([true, 0]);
    process.emit('SIGINT');
    expect(heard).toBe(1);
  } finally {
    process.removeListener('SIGINT', other);
  }
  expect(process.listenerCount('SIGINT')).toBe(0);
});

test('handlers are restored after an error', async () => {
  const before = process.listeners('SIGTERM');
  const failing = interruptible(() => Promise.reject(new Error('no')), ['SIGTERM']);
  await expect(failing).rejects.toThrow('no');
  expect(process.listeners('SIGTERM')).toEqual(before);
});
