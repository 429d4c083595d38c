import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import { countLabels, loadDataset, slice, splitValidation } from '../../src/data/index';
import { InputError } from '../../src/errors';

test('the embedded data is MNIST', () => {
  const train = loadDataset('train');
  expect([train.name, train.length, train.height, train.width]).toEqual([
    'MNIST train',
    60000,
    28,
    28,
  ]);
  expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect(countLabels(loadDataset('test'))).toEqual([
    980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
  ]);
});

test('reads the embedded data without the network', () => {
  const refuse = () => {
    throw new Error('the network was used');
  };
  const spies = [
    jest.spyOn(net.Socket.prototype, 'connect').mockImplementation(refuse),
    jest.spyOn(dns, 'lookup').mockImplementation(refuse as never),
    jest.spyOn(http, 'request').mockImplementation(refuse),
    jest.spyOn(globalThis, 'fetch').mockImplementation(refuse),
  ];
  loadDataset('test');
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test('splits off the last images without copying', () => {
  const all = loadDataset('train');
  const { train, validation } = splitValidation(all);
  expect([train.length, validation.length]).toEqual([55000, 5000]);
  expect(validation.labels[0]).toBe(all.labels[55000]);
  expect(validation.pixels.buffer).toBe(all.pixels.buffer);
  expect(() => slice(all, 10, 60001)).toThrow('images 10 to 60001 of MNIST train: it has 60000');
  expect(() => splitValidation(all, 60000)).toThrow(InputError);
});
