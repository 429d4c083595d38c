/** Loads tfjs on TensorFlow, after `binding.ts` has prepared the process. */
import './binding';
import * as tf from '@tensorflow/tfjs-node-gpu';

export { tf };
