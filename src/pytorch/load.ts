/** Builds a model from a PyTorch weights file. */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { InputError, messageOf } from '../errors';
import {
  type BatchNorm,
  describe,
  type LayerSpec,
  type Network,
  namedWeights,
  zeroAlexnet,
} from '../model/index';
import type { ProgressListener } from '../progress';
import { tf } from '../tf/index';
import { readArchive } from './archive';
import {
  compareShapes,
  inferDimensions,
  networkFor,
  type Parameter,
  parameters,
} from './parameters';
import { readSafetensors } from './safetensors';
import { product, readTensor, type StateDict } from './tensors';

export interface LoadWeightsOptions {
  /** The network to which the weights belong. Default: the one of NETWORKS that they fit. */
  layers?: readonly LayerSpec[];
  /** Height and width of the input, in pixels. Default: inferred from the file, see `inferDimensions`. */
  inputSize?: number;
  /** Of Normalize. Default: what the file says, if it is one of ours, or 0.5. */
  mean?: number[];
  std?: number[];
  /** Told what is assumed about the file. */
  say?: (line: string) => void;
  onProgress?: ProgressListener;
}

/**
 * Loads a state_dict from a `.pth` file (written by `torch.save`) or a `.safetensors` file. Converts float16,
 * bfloat16 and float64 to float32. Besides the model, it needs memory for three copies of the largest tensor. The
 * caller disposes the model.
 * Throws InputError if the file has another format, is damaged, or belongs to another network.
 */
export async function loadStateDict(
  file: string,
  { layers, inputSize, mean, std, onProgress, say }: LoadWeightsOptions = {},
): Promise<tf.LayersModel> {
  const handle = await open(file).catch((error) => {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  });
  try {
    const dict = await readDirectory(handle, file);
    const network: Network = layers
      ? { layers, inputSize: 227, description: '' }
      : networkFor((each) => isFor(each, dict) && !problemsOf(each, dict));
    const dimensions = inferDimensions(network, dict, inputSize);
    const wanted = parameters(network.layers, dimensions);
    const problems = problemsOf(network, dict, inputSize);
    if (problems) throw new InputError(`not the weights of this network: ${problems}`);
    const model = zeroAlexnet({ ...dimensions, layers: network.layers });
    const { pretrained } = network;
    describe(model, pretrained ? { ...pretrained, classNames: pretrained.classNames() } : {});
    describe(model, dict.note?.info ?? {});
    if (!dict.note && !pretrained && !mean && !std) {
      say?.(
        `${file} does not say how its images were normalised. Assuming mean 0.5 and standard deviation 0.5, ` +
          'as in the article. If they were others, pass --mean and --std',
      );
    }
    await fill(model, wanted, dict, handle, progress(file, wanted, onProgress)).catch((error) => {
      model.dispose();
      throw error;
    });
    return model;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // Names from the file may contain line breaks, but an error is one line.
    throw new InputError(`${file}: ${error.message.replace(/\s+/g, ' ')}`);
  } finally {
    await handle.close();
  }
}

/** Whether a network with well-known weights has the dimensions of these. */
function isFor(network: Network, dict: StateDict): boolean {
  const { pretrained } = network;
  if (!pretrained) return true;
  const { channels, classes } = inferDimensions(network, dict);
  return channels === pretrained.channels && classes === pretrained.classNames().length;
}

/** Why the tensors are not those of the network. Undefined if they are. */
function problemsOf(network: Network, dict: StateDict, inputSize?: number): string | undefined {
  const wanted = parameters(network.layers, inferDimensions(network, dict, inputSize));
  return compareShapes(
    wanted.map(({ key, shape }) => [key, shape]),
    [...dict.tensors].map(([key, { shape }]) => [key, shape]),
  );
}

/** PyTorch before 1.6 wrote a pickle that begins with this magic number. */
const LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

/** Reads the list of tensors. The first bytes tell the format, so the file name does not matter. */
async function readDirectory(handle: FileHandle, file: string): Promise<StateDict> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(LEGACY.length), { position: 0 });
  const start = buffer.subarray(0, bytesRead);
  if (start.toString('latin1', 0, 2) === 'PK') return readArchive(handle);
  if (start.equals(LEGACY)) {
    throw new InputError(
      "PyTorch's legacy format, not a zip archive. Save it again: torch.save(torch.load(path), path, _use_new_zipfile_serialization=True)",
    );
  }
  const extension = path.extname(file).toLowerCase();
  if (start[8] === 0x7b || extension === '.safetensors') return readSafetensors(handle);
  throw new InputError(
    extension === '.pth' || extension === '.pt'
      ? 'not a zip archive, want one written by torch.save(model.state_dict(), path)'
      : 'not a model: want a .pth or .safetensors file, a run folder, or a tfjs model folder',
  );
}

async function fill(
  model: tf.LayersModel,
  wanted: readonly Parameter[],
  { tensors }: StateDict,
  handle: FileHandle,
  onRead: (elements: number) => void,
): Promise<void> {
  const variables = new Map(namedWeights(model).map(({ name, variable }) => [name, variable]));
  let done = 0;
  for (const { key, weight, axes, isCounter } of wanted) {
    const values = await readTensor(handle, tensors.get(key)!, (count) =>
      onRead(done + count),
    ).catch((error) => {
      throw error instanceof InputError ? new InputError(`${key}: ${error.message}`) : error;
    });
    done += values.length;
    if (isCounter) {
      (model.getLayer(path.dirname(weight)) as BatchNorm).calls = values[0];
      continue;
    }
    const variable = variables.get(weight)!;
    tf.tidy(() => {
      // From [out, channels, height, width] to [height, width, channels, out].
      const ordered = tf.tensor(values, axes).transpose([2, 3, 1, 0]);
      variable.assign(ordered.reshape(variable.shape));
    });
  }
}

/** Returns a function that reports elements read as megabytes of float32. */
function progress(
  file: string,
  wanted: readonly Parameter[],
  onProgress?: ProgressListener,
): (elements: number) => void {
  const started = performance.now();
  const elements = wanted.reduce((sum, { shape }) => sum + product(shape), 0);
  const total = Math.ceil((4 * elements) / 1e6);
  return (read) =>
    onProgress?.({
      label: `Reading ${path.basename(file)}`,
      done: read === elements ? total : Math.floor((4 * read) / 1e6),
      total,
      unit: 'MB',
      seconds: (performance.now() - started) / 1000,
    });
}
