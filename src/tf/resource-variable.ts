/** Variables that TensorFlow's optimizer ops change in place. */
import { attribute, backend, DType, free, type Handle, runOp } from './native';

const FLOAT = attribute.type('dtype', DType.float32);
/** TensorFlow gives each variable of this name a unique one (`ResourceHandle::ANONYMOUS_NAME`). */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/** A float32 variable outside tfjs: `numTensors` does not count it, and only `dispose` frees it. */
export class ResourceVariable {
  readonly handle: Handle;

  constructor(readonly shape: number[]) {
    const attributes = [
      FLOAT,
      attribute.shape('shape', shape),
      attribute.string('shared_name', ANONYMOUS),
      attribute.string('container', ''),
    ];
    [this.handle] = runOp('VarHandleOp', attributes, []);
  }

  /** Sets the value to that of a float32 handle of the same shape. They share memory until one of them changes. */
  assign(value: Handle): void {
    runOp('AssignVariableOp', [FLOAT], [this.handle, value], 0);
  }

  /** The current value, as a handle that the caller owns. Later changes do not affect it. */
  read(): Handle {
    return runOp('ReadVariableOp', [FLOAT], [this.handle])[0];
  }

  /** A copy of the value on the host. */
  values(): Float32Array {
    const handle = this.read();
    const values = Float32Array.from(backend().binding.tensorDataSync(handle));
    free(handle);
    return values;
  }

  setValues(values: Float32Array): void {
    const handle = backend().binding.createTensor(this.shape, DType.float32, values);
    this.assign(handle);
    free(handle);
  }

  dispose(): void {
    runOp('DestroyResourceOp', [attribute.bool('ignore_lookup_error', true)], [this.handle], 0);
    free(this.handle);
  }
}
