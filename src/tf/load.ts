/** Loads tfjs on TensorFlow, after `binding.ts` has made sure that it can be. */
import './binding';
import * as tf from '@tensorflow/tfjs-node-gpu';

export { tf };
