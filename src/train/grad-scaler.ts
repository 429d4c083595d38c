import { attribute, DType, runTensorOp, tf } from '../tf/index';
import type { AdamW } from './adamw';

/** PyTorch's defaults. The scale grows after so many steps without overflow. */
const [GROWTH_FACTOR, BACKOFF_FACTOR, GROWTH_INTERVAL] = [2, 0.5, 2000];

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
  state: GradScalerState;

  constructor(initialScale = 65536) {
    this.state = { scale: initialScale, growthTracker: 0 };
  }

  /** Multiply the loss by this. */
  get scale(): number {
    return this.state.scale;
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
    const { scale, growthTracker } = this.state;
    if (overflowed) {
      this.state = { scale: scale * BACKOFF_FACTOR, growthTracker: 0 };
    } else if (growthTracker + 1 === GROWTH_INTERVAL) {
      this.state = { scale: scale * GROWTH_FACTOR, growthTracker: 0 };
    } else {
      this.state = { scale, growthTracker: growthTracker + 1 };
    }
  }
}

function allFinite(x: tf.Tensor): boolean {
  return tf.tidy(() => {
    const finite = runTensorOp('IsFinite', [attribute.type('T', DType.float32)], [x]);
    return tf.all(finite).dataSync()[0] !== 0;
  });
}
