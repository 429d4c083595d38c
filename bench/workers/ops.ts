import { ALEXNET, layerTable } from '../../src/model/index';
import {
  attribute,
  free,
  handleOf,
  type OpAttribute,
  oneDnnAttributes,
  runOp,
  TWINS,
  tf,
} from '../../src/tf/index';

export interface OpRow {
  op: string;
  gigaFlops: number;
  /** Milliseconds of TensorFlow's own op and of oneDNN's; null if this TensorFlow has none. */
  own: number;
  oneDnn: number | null;
}

const FLOAT = attribute.type('T', 1);

/**
 * Times the convolutions and matrix products of a float32 step with TensorFlow's own ops and with oneDNN's. The
 * choices in src/tf/onednn.ts follow from these times. Requires TF_ENABLE_ONEDNN_OPTS=0.
 */
export function compareOps(batchSize: number, inputSize: number): OpRow[] {
  const rows: OpRow[] = [];
  const layers = layerTable(ALEXNET, { inputSize, channels: 1, classes: 10 });
  let shape = [inputSize, inputSize, 1];
  ALEXNET.forEach((layer, i) => {
    const { outputShape, macs } = layers[i];
    if (layer.kind === 'conv') {
      const { kernel, stride, padding, filters } = layer;
      const [height, width, channels] = shape;
      const padded = [batchSize, height + 2 * padding, width + 2 * padding, channels];
      const filter = [kernel, kernel, channels, filters];
      const [x, f, dy] = [padded, filter, [batchSize, ...outputShape]].map((s) =>
        tf.randomUniform(s),
      );
      const [xSize, fSize] = [padded, filter].map((s) => tf.tensor1d(s, 'int32'));
      const attributes = [
        FLOAT,
        attribute.int('strides', [1, stride, stride, 1]),
        attribute.string('padding', 'VALID'),
        attribute.string('data_format', 'NHWC'),
        attribute.int('dilations', [1, 1, 1, 1]),
      ];
      const add = (name: string, inputs: tf.Tensor[]) =>
        rows.push(measure(name, layer.name, 2e-9 * batchSize * macs, attributes, inputs));
      add('Conv2D', [x, f]);
      if (i > 0) add('Conv2DBackpropInput', [xSize, f, dy]);
      add('Conv2DBackpropFilter', [x, fSize, dy]);
      tf.dispose([x, f, dy, xSize, fSize]);
    } else if (layer.kind === 'dense') {
      const [inputs] = shape;
      const [x, w, dy] = [
        [batchSize, inputs],
        [inputs, outputShape[0]],
        [batchSize, outputShape[0]],
      ].map((s) => tf.randomUniform(s));
      const add = (what: string, a: tf.Tensor, b: tf.Tensor, ta: boolean, tb: boolean) => {
        const transposed = [attribute.bool('transpose_a', ta), attribute.bool('transpose_b', tb)];
        const label = `${layer.name} ${what}`;
        rows.push(
          measure('MatMul', label, 2e-9 * batchSize * macs, [FLOAT, ...transposed], [a, b]),
        );
      };
      add('forward', x, w, false, false);
      add('input gradient', dy, w, false, true);
      add('weight gradient', x, dy, true, false);
      tf.dispose([x, w, dy]);
    }
    shape = outputShape;
  });
  return rows;
}

function measure(
  name: string,
  label: string,
  gigaFlops: number,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
): OpRow {
  const handles = inputs.map(handleOf);
  // Taking turns, so that noise affects both.
  const times = { own: [] as number[], oneDnn: [] as number[] };
  const time = (list: number[], op: string, attrs: OpAttribute[]) => {
    const started = performance.now();
    free(...runOp(op, attrs, handles));
    list.push(performance.now() - started);
  };
  for (let round = 0; round < 6; round++) {
    time(times.own, name, attributes);
    try {
      time(times.oneDnn, TWINS[name], oneDnnAttributes(attributes));
    } catch {
      times.oneDnn = []; // this TensorFlow has no such op
    }
  }
  const median = (list: number[]) => list.slice(1).sort((a, b) => a - b)[2] ?? null;
  return {
    op: `${name} ${label}`,
    gigaFlops,
    own: median(times.own)!,
    oneDnn: median(times.oneDnn),
  };
}
