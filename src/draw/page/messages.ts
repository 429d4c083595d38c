/** What the page and its worker send each other. */

/** To the worker: a grey picture, light strokes on black, like the last of `digitSteps`. */
export interface Question {
  id: number;
  pixels: Uint8Array;
  width: number;
  height: number;
}

/** From the worker. */
export type Message =
  | { kind: 'loading'; share: number }
  | { kind: 'missing' }
  | { kind: 'ready'; backend: string; inputSize: number }
  | { kind: 'answer'; id: number; probabilities: number[]; milliseconds: number }
  | { kind: 'failed'; why: string };
