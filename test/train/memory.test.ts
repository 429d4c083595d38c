import { alexnet } from '../../src/model/index';
import { type Precision, tf } from '../../src/tf/index';
import { AdamW, GradScaler, trainStep } from '../../src/train/index';
import { countHandles } from '../support/handles';
import { barSet } from '../support/sets';

test.each<Precision>(['float32', 'bfloat16', 'float16'])(
  '50 steps in %s keep no tensor, no handle and no memory',
  (precision) => {
    const set = barSet(64);
    const model = alexnet({
      inputSize: 63,
      layers: [
        { kind: 'conv', name: 'conv1', filters: 32, kernel: 11, stride: 2, padding: 2 },
        { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
        { kind: 'flatten', name: 'flatten' },
        { kind: 'dropout', name: 'dropout' },
        { kind: 'dense', name: 'fc', units: 0, relu: false },
      ],
    });
    const optimizer = new AdamW();
    const scaler = precision === 'float16' ? new GradScaler() : undefined;
    const group = [0, 32].map((start) => Uint32Array.from({ length: 32 }, (_, i) => start + i));
    const steps = (count: number) => {
      for (let i = 0; i < count; i++)
        trainStep(model, optimizer, set, group, { precision, scaler });
    };
    steps(20); // until the allocator has what it needs
    const before = { tensors: tf.memory().numTensors, resident: process.memoryUsage().rss };
    // One activation of conv1, forgotten in each step, would be 3 MiB × 50.
    const handles = countHandles(() => steps(50));
    const after = process.memoryUsage().rss;
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(handles).toBe(0);
    expect(after / before.resident).toBeLessThan(1.05);
    optimizer.dispose();
    model.dispose();
  },
);
