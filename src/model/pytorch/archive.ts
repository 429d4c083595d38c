/**
 * The zip archive that `torch.save` writes: `<name>/data.pkl`, a pickle that says which tensors there are, and
 * `<name>/data/0`, `1` …, their numbers, stored as they are. So a tensor is read from its place in the file, and
 * nothing is ever unpacked.
 */
import type { FileHandle } from 'node:fs/promises';
import { Zip, ZipPassThrough } from 'fflate';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { InputError, messageOf } from '../../errors';
import { type PickledTensor, readStateDictPickle, writeStateDictPickle } from './pickle';
import { BYTES, extent, readBytes, type StateDict, type StoredTensor, shown } from './stored';
import { bytesOf, parseInputSize, type TensorSource, writeBytes } from './write';

// Far above what a state_dict needs.
const MAX_ENTRIES = 10_000;
const MAX_PICKLE_BYTES = 4 << 20;
const MAX_NOTE_BYTES = 1024;

/** An entry of ours beside PyTorch's, which PyTorch leaves alone: the input size, which weights cannot tell. */
const NOTE = 'alexnet.json';

interface StoredEntry {
  /** The byte of the file where it begins. */
  start: number;
  bytes: number;
}

/** Reads what the archive `file` holds, but not yet the numbers. Throws InputError; the message lacks the path. */
export async function readArchive(file: FileHandle): Promise<StateDict> {
  const { zip, entries } = await listEntries(file);
  const find = async (name: string): Promise<StoredEntry | undefined> => {
    const entry = entries.get(name);
    return entry && locate(zip, entry);
  };

  const roots = [...entries.keys()].flatMap(
    (name) => name.match(/^([^/]+)\/data\.pkl$/)?.[1] ?? [],
  );
  if (roots.length !== 1) {
    throw new InputError(
      `a zip archive, but not of torch.save: ${roots.length} entries NAME/data.pkl, want one`,
    );
  }
  const [root] = roots;
  if (
    [...entries.keys()].some(
      (name) => name === `${root}/constants.pkl` || name.startsWith(`${root}/code/`),
    )
  ) {
    throw new InputError(
      'a TorchScript program (torch.jit.save): save its weights instead, torch.save(model.state_dict(), path)',
    );
  }
  const text = async (name: string, most: number): Promise<string | undefined> => {
    const entry = await find(`${root}/${name}`);
    return entry && (await content(file, `${root}/${name}`, entry, most)).toString('utf8');
  };
  const byteOrder = await text('byteorder', MAX_NOTE_BYTES);
  if (byteOrder !== undefined && byteOrder !== 'little') {
    throw new InputError(`its byte order is ${shown(byteOrder)}, want little`);
  }
  const pickle = (await find(`${root}/data.pkl`)) as StoredEntry;
  const pickled = readStateDictPickle(
    await content(file, `${root}/data.pkl`, pickle, MAX_PICKLE_BYTES),
  );
  const tensors = new Map<string, StoredTensor>();
  for (const [key, tensor] of pickled) {
    const entry = await find(`${root}/data/${tensor.storage.key}`);
    tensors.set(key, place(key, tensor, entry));
  }
  const note = await text(NOTE, MAX_NOTE_BYTES);
  return { tensors, inputSize: note === undefined ? undefined : parseInputSize(note) };
}

/** All entries by name. Nothing but the archive's directory has been read. */
async function listEntries(
  file: FileHandle,
): Promise<{ zip: ZipFile; entries: Map<string, Entry> }> {
  const entries = new Map<string, Entry>();
  let zip: ZipFile;
  try {
    zip = await fromFdPromise(file.fd, { lazyEntries: true, autoClose: false });
    if (zip.entryCount > MAX_ENTRIES) {
      throw new Error(`${zip.entryCount} entries, want at most ${MAX_ENTRIES}`);
    }
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`${shown(entry.fileName)} is there twice`);
      entries.set(entry.fileName, entry);
    }
  } catch (error) {
    throw new InputError(`a zip archive that is truncated or damaged: ${messageOf(error)}`);
  }
  return { zip, entries };
}

/**
 * Where an entry's bytes lie. Only stored entries are taken, as torch.save writes all: what is compressed could
 * claim any size.
 */
async function locate(zip: ZipFile, entry: Entry): Promise<StoredEntry> {
  const { fileName, compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) throw new InputError(`${shown(fileName)} in it is encrypted`);
  if (compressionMethod !== 0) {
    throw new InputError(
      `${shown(fileName)} in it is compressed (${compressedSize} bytes, said to become ${uncompressedSize}), want it stored, as torch.save does`,
    );
  }
  try {
    // Also checks that the bytes end before the file does.
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return { start: fileDataStart, bytes: uncompressedSize };
  } catch (error) {
    throw new InputError(
      `a zip archive that is truncated or damaged: ${shown(fileName)}: ${messageOf(error)}`,
    );
  }
}

async function content(
  file: FileHandle,
  name: string,
  { start, bytes }: StoredEntry,
  most: number,
): Promise<Buffer> {
  if (bytes > most) throw new InputError(`${name} in it is ${bytes} bytes, want at most ${most}`);
  const buffer = Buffer.alloc(bytes);
  await readBytes(file, buffer, start);
  return buffer;
}

/** Checks that the tensor lies within its storage, and the storage within the file. */
function place(key: string, tensor: PickledTensor, entry: StoredEntry | undefined): StoredTensor {
  const { storage, offset, shape, strides } = tensor;
  const name = `data/${storage.key}`;
  if (!entry) throw new InputError(`${shown(key)} lies in ${shown(name)}, which is missing`);
  const bytes = BYTES[storage.dtype];
  if (storage.length * bytes !== entry.bytes) {
    throw new InputError(
      `${shown(name)} in it has ${entry.bytes} bytes, want ${storage.length * bytes} (${storage.length} of ${storage.dtype})`,
    );
  }
  const elements = extent(shape, strides);
  if (elements === undefined || offset + elements > storage.length) {
    throw new InputError(
      `${shown(key)} is [${shape}] with strides [${strides}] from ${offset} on, which a storage of ${storage.length} cannot hold`,
    );
  }
  return { dtype: storage.dtype, shape, strides, start: entry.start + bytes * offset };
}

/** PyTorch begins every entry at a multiple of this, so that numbers can be used where they lie. */
const ALIGNMENT = 64;
/** The id of the extra field that fills the gap, PyTorch's own. */
const PADDING = 0x4246;

/** Writes an archive that `torch.load(path, weights_only=True)` reads, one tensor after the other. */
export async function writeArchive(
  file: FileHandle,
  tensors: readonly TensorSource[],
  inputSize: number,
): Promise<void> {
  let written = 0;
  let chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    written += chunk.length;
    chunks.push(chunk);
  });
  const flush = async () => {
    for (const chunk of chunks) await writeBytes(file, chunk);
    chunks = [];
  };
  const add = async (name: string, bytes: Uint8Array) => {
    const entry = new ZipPassThrough(`archive/${name}`);
    entry.mtime = new Date(1980, 0, 1); // the same weights make the same file
    const header = written + 30 + entry.filename.length + 4;
    const gap = (ALIGNMENT - (header % ALIGNMENT)) % ALIGNMENT;
    entry.extra = { [PADDING]: new Uint8Array(gap) };
    zip.add(entry);
    // In pieces: each is summed up for the checksum, and the event loop should not wait for all.
    const piece = 4 << 20;
    for (let start = 0; start < bytes.length; start += piece) {
      entry.push(bytes.subarray(start, start + piece), start + piece >= bytes.length);
      await flush();
    }
  };

  await add('data.pkl', writeStateDictPickle(tensors));
  await add('byteorder', Buffer.from('little'));
  await add(NOTE, Buffer.from(JSON.stringify({ inputSize })));
  for (const [index, tensor] of tensors.entries()) {
    const values = await tensor.read();
    await add(`data/${index}`, bytesOf(values));
  }
  await add('version', Buffer.from('3\n'));
  zip.end();
  await flush();
}
