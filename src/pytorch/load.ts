/** Builds a model from a PyTorch weights file. */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { InputError, messageOf } from '../errors';
import {
  type BatchNorm,
  type Dimensions,
  describe,
  type LayerSpec,
  type Network,
  namedWeights,
  zeroAlexnet,
} from '../model/index';
import { type ProgressListener, progressOf } from '../progress';
import { standIn } from '../stand-in';
import { tf } from '../tf/index';
import { readArchive } from './archive';
import {
  compareShapes,
  hasLayersOf,
  inferDimensions,
  networkFor,
  type Parameter,
  parameters,
} from './parameters';
import { readSafetensors } from './safetensors';
import { product, quoted, readTensor, type StateDict, type WeightsFile } from './tensors';

export interface LoadWeightsOptions {
  /** The network to which the weights belong. Default: the one of NETWORKS that they fit. */
  layers?: readonly LayerSpec[];
  /** Height and width of the input, in pixels. Default: inferred from the file, see `inferDimensions`. */
  inputSize?: number;
  /** Of Normalize. Default: what the file says, if it is one of ours, or 0.5. */
  mean?: number[];
  std?: number[];
  /** The entry with the weights, if the file has several: `state_dict`. */
  key?: string;
  /** Called before the weights are read, with what is known about the model. May throw to refuse it. */
  accept?: (model: Partial<Dimensions>) => void;
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
  { layers, inputSize, mean, std, key, accept, onProgress, say }: LoadWeightsOptions = {},
): Promise<tf.LayersModel> {
  const handle = await open(file).catch((error) => {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  });
  try {
    const { dicts, note } = await readDirectory(handle, file);
    const size = inputSize ?? note?.inputSize;
    const { dict, network, prefix } = choose(dicts, layers, key);
    if (prefix) say?.(`${file}: all keys begin with ${prefix}; this prefix is ignored`);
    const dimensions = inferDimensions(network, dict, size);
    const wanted = parameters(network.layers, dimensions);
    const problems = problemsOf(network, dict, size);
    if (problems) throw new InputError(`not the weights of this network: ${problems}`);
    accept?.(dimensions);
    const model = zeroAlexnet({ ...dimensions, layers: network.layers });
    const { pretrained } = network;
    describe(model, pretrained ? { ...pretrained, classNames: pretrained.classNames() } : {});
    describe(model, note?.info ?? {});
    if (!note && !pretrained && !mean && !std) {
      say?.(
        `${file} does not say how its images were normalised. Assuming mean 0.5 and standard deviation 0.5, ` +
          'as in the article. If yours differ, pass --mean and --std (npm run export stores them in a file)',
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

/** More than anyone has. Each one is compared with each network. */
const [MOST_DICTS, MOST_PREFIXES] = [1000, 4];

interface Choice {
  dict: StateDict;
  network: Network;
  /** What was removed from the keys: `module.` */
  prefix: string;
}

/**
 * Chooses the dict of tensors whose keys and shapes are those of a network; the network is one of NETWORKS unless its
 * `layers` are given. If none fits, the largest dict and the article's network, so that an error can name the misfits.
 * Throws InputError if several fit and none is named by `name`.
 */
function choose(dicts: StateDict[], layers?: readonly LayerSpec[], name?: string): Choice {
  const isNetwork = ({ tensors }: StateDict) =>
    [...tensors.keys()].some((key) => key.endsWith('weight'));
  const usual = dicts.some(isNetwork) ? dicts.filter(isNetwork) : dicts; // not an optimizer's state
  if (dicts.length > MOST_DICTS)
    throw new InputError(`${dicts.length} dicts of tensors, want at most ${MOST_DICTS}`);
  const named = name === undefined ? usual : dicts.filter((dict) => dict.name === name);
  const names = dicts.map((dict) => quoted(dict.name)).join(', ');
  if (named.length === 0)
    throw new InputError(`has no entry ${quoted(name ?? '')} with weights, only ${names}`);
  const given = layers && { layers, inputSize: 227, description: '' };
  const choices = named.flatMap((dict) =>
    sharedPrefixes(dict).map((prefix): Choice => {
      const stripped = prefix === '' ? dict : withoutPrefix(dict, prefix);
      const network = networkFor(
        (each) =>
          hasLayersOf(each.layers, stripped) &&
          isFor(each, stripped) &&
          !problemsOf(each, stripped),
      );
      return { dict: stripped, network: given ?? network, prefix };
    }),
  );
  const fitting = choices.filter(({ dict, network }) => {
    try {
      return !problemsOf(network, dict);
    } catch {
      return false; // its input is too small
    }
  });
  if (fitting.length > 1) {
    const which = fitting.map(({ dict }) => dict.name).join(', ');
    throw new InputError(
      `holds several networks: ${which}. Choose one with --key (npm run export makes a file of it)`,
    );
  }
  const [largest] = choices.sort((a, b) => b.dict.tensors.size - a.dict.tensors.size);
  return fitting[0] ?? largest;
}

/** The beginnings that all keys share, each up to a full stop, and the empty one: `module.`, `module._orig_mod.` */
function sharedPrefixes({ tensors }: StateDict): string[] {
  const keys = [...tensors.keys()];
  if (keys.length === 0) throw new InputError('holds no tensors');
  const prefixes = [''];
  for (;;) {
    const end = keys[0].indexOf('.', prefixes[prefixes.length - 1].length);
    const prefix = keys[0].slice(0, end + 1);
    if (end < 0 || prefixes.length > MOST_PREFIXES || !keys.every((key) => key.startsWith(prefix)))
      return prefixes;
    prefixes.push(prefix);
  }
}

function withoutPrefix({ name, tensors, place }: StateDict, prefix: string): StateDict {
  const entries = [...tensors].map(([key, tensor]) => [key.slice(prefix.length), tensor] as const);
  return { name, tensors: new Map(entries), place: (key) => place(prefix + key) };
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

const CONVERT = 'or load it in Python and save its weights with torch.save or safetensors';
/** Files of other programs, by their first bytes or their names, and what to do with them. */
const FOREIGN: [isIt: (start: Buffer, file: string) => boolean, what: string][] = [
  [
    (start, file) => start.toString('latin1', 1, 4) === 'HDF' || /\.(h5|hdf5)$/i.test(file),
    `a Keras model in HDF5. Convert it: tensorflowjs_converter --input_format=keras MODEL.h5 FOLDER, ${CONVERT}`,
  ],
  [
    (_, file) => /\.keras$/i.test(file),
    `a Keras model. Convert it: tensorflowjs_converter --input_format=keras_keras MODEL.keras FOLDER, ${CONVERT}`,
  ],
  [
    (_, file) => /\.onnx$/i.test(file),
    'an ONNX model. Convert it in Python: onnx2torch.convert(path), then torch.save of its state_dict()',
  ],
  [
    (start, file) => start.toString('latin1', 4, 8) === 'TFL3' || /\.tflite$/i.test(file),
    'a TensorFlow Lite model, which cannot be trained: use the model that it was made from',
  ],
  [
    (_, file) => /(^|[/\\])(model\.json|.*\.bin)$/i.test(file),
    'part of a tfjs model: pass the folder that contains model.json',
  ],
];

/** Reads the list of tensors. The first bytes tell the format, so the file name does not matter. */
async function readDirectory(handle: FileHandle, file: string): Promise<WeightsFile> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(100), { position: 0 });
  const start = buffer.subarray(0, bytesRead);
  const instead = standIn(start);
  if (instead) throw new InputError(instead);
  const isArchive = start.toString('latin1', 0, 2) === 'PK';
  const foreign = FOREIGN.find(([isIt]) => isIt(start, file))?.[1];
  if (foreign && !(isArchive && file.endsWith('.bin'))) throw new InputError(foreign);
  if (isArchive) return readArchive(handle);
  if (start.subarray(0, LEGACY.length).equals(LEGACY)) {
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
  dict: StateDict,
  handle: FileHandle,
  onRead: (elements: number) => void,
): Promise<void> {
  const variables = new Map(namedWeights(model).map(({ name, variable }) => [name, variable]));
  let done = 0;
  for (const { key, weight, axes, isCounter } of wanted) {
    const values = await readTensor(handle, await dict.place(key), (count) =>
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
  const elements = wanted.reduce((sum, { shape }) => sum + product(shape), 0);
  const total = Math.ceil((4 * elements) / 1e6);
  const report = progressOf(
    { label: `Reading ${path.basename(file)}`, total, unit: 'MB' },
    onProgress,
  );
  return (read) => report(read === elements ? total : Math.floor((4 * read) / 1e6));
}
