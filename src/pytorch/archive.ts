/**
 * The zip archive that `torch.save` writes. `<name>/data.pkl` is a pickle that lists the tensors. `<name>/data/0`,
 * `1` … are their numbers. They are not compressed, so a tensor can be read directly from its place in the file.
 */
import type { FileHandle } from 'node:fs/promises';
import { Zip, ZipPassThrough } from 'fflate';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { InputError, messageOf } from '../errors';
import { bytesOf } from '../files';
import { type PickledTensor, readStateDicts, writeStateDictPickle } from './pickle';
import {
  BYTES,
  extent,
  NOTE,
  type Note,
  parseJson,
  quoted,
  readBytes,
  type StateDict,
  type StoredTensor,
  type TensorSource,
  type WeightsFile,
} from './tensors';

// Far more than a state_dict needs
const MAX_ENTRIES = 10_000;
const MAX_PICKLE_BYTES = 4 << 20;

/** Our own entry. PyTorch ignores it. */
const NOTE_ENTRY = 'alexnet.json';

/** The bytes of an entry in the file. */
interface Region {
  start: number;
  bytes: number;
}

/** Reads the lists of tensors, but not their numbers. Throws InputError without the path in its message. */
export async function readArchive(file: FileHandle): Promise<WeightsFile> {
  const { zip, entries } = await listEntries(file);
  const roots = [...entries.keys()].flatMap(
    (name) => name.match(/^([^/]+)\/data\.pkl$/)?.[1] ?? [],
  );
  if (roots.length !== 1) {
    throw new InputError(
      `a zip archive, but not from torch.save: ${roots.length} entries NAME/data.pkl, want one`,
    );
  }
  const [root] = roots;
  if (entries.has(`${root}/constants.pkl`)) {
    throw new InputError(
      'a TorchScript program (torch.jit.save): save its weights instead, torch.save(model.state_dict(), path)',
    );
  }
  const find = async (name: string): Promise<Region | undefined> => {
    const entry = entries.get(`${root}/${name}`);
    return entry && locate(zip, entry);
  };
  const content = async (name: string): Promise<Buffer | undefined> => {
    const region = await find(name);
    if (!region) return undefined;
    if (region.bytes > MAX_PICKLE_BYTES) {
      throw new InputError(
        `${root}/${name} in it is ${region.bytes} bytes, want at most ${MAX_PICKLE_BYTES}`,
      );
    }
    return readBytes(file, Buffer.alloc(region.bytes), region.start);
  };

  const byteOrder = (await content('byteorder'))?.toString();
  if (byteOrder !== undefined && byteOrder !== 'little') {
    throw new InputError(`its byte order is ${quoted(byteOrder.slice(0, 20))}, want little`);
  }
  const pickle = (await content('data.pkl'))!;
  const dicts = [...readStateDicts(pickle)].map(
    ([name, tensors]): StateDict => ({
      name,
      tensors,
      place: async (key) => {
        const tensor = tensors.get(key)!;
        return place(key, tensor, await find(`data/${tensor.storage.key}`));
      },
    }),
  );
  const note = await content(NOTE_ENTRY);
  return { dicts, note: note && parseJson(note, NOTE, NOTE_ENTRY) };
}

const damaged = (problem: string) =>
  new InputError(`a zip archive that is truncated or damaged: ${problem}`);

/** All entries by name. Reads only the archive's directory. */
async function listEntries(file: FileHandle) {
  const entries = new Map<string, Entry>();
  try {
    const zip = await fromFdPromise(file.fd, { lazyEntries: true, autoClose: false });
    if (zip.entryCount > MAX_ENTRIES) {
      throw new Error(`${zip.entryCount} entries, want at most ${MAX_ENTRIES}`);
    }
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`two entries ${quoted(entry.fileName)}`);
      entries.set(entry.fileName, entry);
    }
    return { zip, entries };
  } catch (error) {
    throw damaged(messageOf(error));
  }
}

/** Finds the bytes of an entry. Refuses compressed ones: they could claim any size, and torch.save writes none. */
async function locate(zip: ZipFile, entry: Entry): Promise<Region> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  const name = quoted(entry.fileName);
  if (entry.isEncrypted()) throw new InputError(`${name} in it is encrypted`);
  if (compressionMethod !== 0) {
    throw new InputError(
      `${name} in it is compressed (from ${uncompressedSize} to ${compressedSize} bytes), want it stored, as torch.save does`,
    );
  }
  try {
    // Also checks that the bytes end before the file does.
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return { start: fileDataStart, bytes: uncompressedSize };
  } catch (error) {
    throw damaged(`${name}: ${messageOf(error)}`);
  }
}

/** Finds a tensor in the file. Checks that it lies within its storage. */
function place(key: string, tensor: PickledTensor, region: Region | undefined): StoredTensor {
  const { storage, offset, shape, strides } = tensor;
  const { dtype, length } = storage;
  const name = quoted(`data/${storage.key}`);
  if (!region) throw new InputError(`${quoted(key)} lies in ${name}, which is missing`);
  const bytes = length * BYTES[dtype];
  if (bytes !== region.bytes) {
    throw new InputError(
      `${name} in it has ${region.bytes} bytes, want ${bytes} (${length} of ${dtype})`,
    );
  }
  const elements = extent(shape, strides);
  if (elements === undefined || offset + elements > length) {
    throw new InputError(
      `${quoted(key)} is [${shape}] with strides [${strides}] from element ${offset}, which a storage of ${length} cannot hold`,
    );
  }
  return { dtype, shape, strides, start: region.start + BYTES[dtype] * offset };
}

/** PyTorch aligns the bytes of every entry, so that it can use the numbers in place. */
const ALIGNMENT = 64;
/** PyTorch's ID of the extra field that fills the gap. */
const PADDING = 0x4246;

/** Yields a file that `torch.load(path, weights_only=True)` reads. Fetches one tensor at a time. */
export async function* archiveBytes(
  tensors: readonly TensorSource[],
  note: Note,
): AsyncIterable<Uint8Array> {
  let written = 0;
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    written += chunk.length;
    chunks.push(chunk);
  });
  function* add(name: string, bytes: Uint8Array): Iterable<Uint8Array> {
    const entry = new ZipPassThrough(`archive/${name}`);
    entry.mtime = new Date(1980, 0, 1); // so that the same weights give the same file
    const header = written + 30 + entry.filename.length + 4;
    const gap = (ALIGNMENT - (header % ALIGNMENT)) % ALIGNMENT;
    entry.extra = { [PADDING]: new Uint8Array(gap) };
    zip.add(entry);
    // The checksum takes time. Writing in pieces lets the event loop run in between.
    const piece = 4 << 20;
    for (let start = 0; start < bytes.length; start += piece) {
      entry.push(bytes.subarray(start, start + piece), start + piece >= bytes.length);
      yield* chunks.splice(0);
    }
  }

  yield* add('data.pkl', writeStateDictPickle(tensors));
  yield* add('byteorder', Buffer.from('little'));
  yield* add(NOTE_ENTRY, Buffer.from(JSON.stringify(note)));
  for (const [index, tensor] of tensors.entries()) {
    yield* add(`data/${index}`, bytesOf(await tensor.read()));
  }
  yield* add('version', Buffer.from('3\n'));
  zip.end();
  yield* chunks;
}
