/** With AS_GPU=1, what runs after this import takes TensorFlow's own ops as on a GPU, whatever the device. */
import { tf } from '../../src/tf/load';

if (process.env.AS_GPU) Object.assign(tf.backend(), { isUsingGpuDevice: true });
