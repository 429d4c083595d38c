import { inColour, loadDataset, slice } from '../data/index';
import { alexnet, layerTable, NETWORKS, type Network, totals } from '../model/index';
import { fastestPrecision } from '../tf/index';
import { newTraining, trainStep } from '../train/index';
import { plainTable } from '../viz/index';
import type { Io } from './io';

/** Prints the networks, their size, and how long a step of 32 images takes on this machine. */
export function listNetworks(io: Io): void {
  const grey = slice(loadDataset('train'), 0, 32);
  const batch = [...Array(grey.length).keys()];
  const rows = Object.entries<Network>(NETWORKS).map(([name, network]) => {
    const { layers, inputSize, description, pretrained } = network;
    const [channels, classes] = pretrained ? [3, pretrained.classNames().length] : [1, 10];
    const size = { inputSize, channels, classes };
    const table = totals(layerTable(layers, size));
    const images = channels === 3 ? inColour(grey) : grey;
    const model = alexnet({ layers, ...size });
    const training = newTraining(model, { precision: fastestPrecision() });
    const times = [0, 1, 2].map(() => {
      const started = performance.now();
      trainStep(training, images, [batch]);
      return performance.now() - started;
    });
    training.optimizer.dispose();
    training.model.dispose();
    return [
      ...[name, `${inputSize}×${inputSize}×${channels}`, table.parameters.toLocaleString('en-US')],
      ...[(table.macs / 1e6).toFixed(1), `${Math.min(...times).toFixed(0)} ms`, description],
    ];
  });
  const head = ['network', 'input', 'parameters', 'million MACs', 'step of 32', ''];
  io.print(plainTable([head, ...rows]));
}
