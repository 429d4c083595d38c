import { InputError } from '../errors';
import { attribute, DType, runTensorOp, tf } from '../tf/index';
import type { AdamW } from './adamw';

export interface GradScalerOptions {
  initialScale?: number;
  growthFactor?: number;
  backoffFactor?: number;
  /** Steps without overflow after which the scale grows. */
  growthInterval?: number;
}

/** The state of a `GradScaler` in a checkpoint. */
export interface GradScalerState {
  scale: number;
  /** Steps without overflow since the scale last changed. */
  growthTracker: number;
}

/**
 * Loss scaling for float16 training (Micikevicius et al. 2018), with the defaults of PyTorch's
 * `torch.amp.GradScaler`. float16 cannot represent numbers below 6·10⁻⁸, and gradients are often smaller. So the loss,
 * and with it every gradient, is multiplied by `scale`, and the gradients are divided by it before use. If a gradient
 * overflows, the step is skipped and the scale halved. After 2,000 steps without overflow the scale doubles.
 */
export class GradScaler {
  private current: GradScalerState;
  private readonly growthFactor: number;
  private readonly backoffFactor: number;
  private readonly growthInterval: number;

  constructor(options: GradScalerOptions = {}) {
    const { initialScale = 65536, growthFactor = 2 } = options;
    const { backoffFactor = 0.5, growthInterval = 2000 } = options;
    if (!(initialScale > 0))
      throw new InputError(`initial scale is ${initialScale}, want more than 0`);
    if (!(growthFactor > 1))
      throw new InputError(`growth factor is ${growthFactor}, want more than 1`);
    if (!(backoffFactor > 0 && backoffFactor < 1)) {
      throw new InputError(`backoff factor is ${backoffFactor}, want between 0 and 1`);
    }
    if (!Number.isInteger(growthInterval) || growthInterval < 1) {
      throw new InputError(`growth interval is ${growthInterval}, want a positive whole number`);
    }
    this.current = { scale: initialScale, growthTracker: 0 };
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
  }

  /** Multiply the loss by this. */
  get scale(): number {
    return this.current.scale;
  }

  /** Runs the optimizer's step unless a gradient overflowed, then adapts the scale. Returns whether the step ran. */
  step(optimizer: AdamW, variables: tf.Variable[], gradients: tf.NamedTensorMap): boolean {
    const unscaled = this.unscale(gradients);
    if (unscaled) optimizer.step(variables, unscaled);
    this.update(unscaled === null);
    tf.dispose(unscaled ?? {});
    return unscaled !== null;
  }

  /**
   * The gradients divided by the scale, or null if one of them is infinite or NaN. The caller keeps
   * `gradients` and disposes the result.
   */
  unscale(gradients: tf.NamedTensorMap): tf.NamedTensorMap | null {
    if (!Object.values(gradients).every(allFinite)) return null;
    const unscaled: tf.NamedTensorMap = {};
    for (const [name, gradient] of Object.entries(gradients)) {
      unscaled[name] = gradient.mul(1 / this.scale);
    }
    return unscaled;
  }

  /** Adapts the scale. Call it after each step, skipped ones included. */
  update(overflowed: boolean): void {
    const { scale, growthTracker } = this.current;
    if (overflowed) {
      this.current = { scale: scale * this.backoffFactor, growthTracker: 0 };
    } else if (growthTracker + 1 === this.growthInterval) {
      this.current = { scale: scale * this.growthFactor, growthTracker: 0 };
    } else {
      this.current = { scale, growthTracker: growthTracker + 1 };
    }
  }

  get state(): GradScalerState {
    return { ...this.current };
  }

  set state(state: GradScalerState) {
    if (!(state.scale > 0) || !Number.isInteger(state.growthTracker) || state.growthTracker < 0) {
      throw new InputError(`not the state of a GradScaler: ${JSON.stringify(state)}`);
    }
    this.current = { scale: state.scale, growthTracker: state.growthTracker };
  }
}

function allFinite(x: tf.Tensor): boolean {
  return tf.tidy(() => {
    const finite = runTensorOp('IsFinite', [attribute.type('T', DType.float32)], [x]);
    return tf.all(finite).dataSync()[0] !== 0;
  });
}
