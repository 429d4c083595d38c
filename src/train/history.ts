/** The measurements of a training run, as stored in `history.json` and `steps.json`. */
import { type Checked, nullable, number, objectOf } from '../checks';

/** One step: one update of the weights. */
export const stepRecord = objectOf({
  /** From 1. */
  step: number,
  learningRate: number,
  /** Mean over the images of this step. */
  loss: number,
  /** 0 to 1. */
  accuracy: number,
});
export type StepRecord = Checked<typeof stepRecord>;

export const epochRecord = objectOf({
  /** From 1. */
  epoch: number,
  /** Total number of steps at its end, earlier epochs included. */
  steps: number,
  /** Mean over the epoch's images, measured during training, with dropout. */
  trainLoss: number,
  /** 0 to 1, measured during training. */
  trainAccuracy: number,
  /** Null without validation. */
  valLoss: nullable(number),
  valAccuracy: nullable(number),
  /** Time spent in training steps. */
  seconds: number,
  imagesPerSecond: number,
});
export type EpochRecord = Checked<typeof epochRecord>;

export interface History {
  epochs: EpochRecord[];
  steps: StepRecord[];
  /**
   * True if training was interrupted (stop button, Ctrl-C, `signal`) and can be resumed. The last epoch may then be
   * incomplete. False after `stopEarly`.
   */
  interrupted: boolean;
}
