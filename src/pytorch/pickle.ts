/**
 * The pickle inside a `.pth` file, read and written without Python.
 *
 * A pickle is a program for a stack machine. In Python it can call any function. This reader calls nothing: it
 * knows only the instructions that `torch.save` writes (protocol 2) and the eight Python names that a state_dict
 * uses. It refuses everything else.
 */
import { InputError } from '../errors';
import { product, quoted, rowMajor, type StoredType, type TensorSource } from './tensors';

/** The numbers in the archive's entry `data/<key>`. */
class Storage {
  constructor(
    readonly dtype: StoredType,
    readonly key: string,
    /** In elements. */
    readonly length: number,
  ) {}
}

/** A view of a storage. Offset, sizes and strides count elements. */
export class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/** The name of a Python function or class. */
class Global {
  constructor(readonly name: string) {}
}

const MARK = Symbol('mark');
const ORDERED_DICT = 'collections.OrderedDict';
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const FLOAT_STORAGE = 'torch.FloatStorage';
const LONG_STORAGE = 'torch.LongStorage';
const STORAGES: Record<string, StoredType> = {
  [FLOAT_STORAGE]: 'float32',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.DoubleStorage': 'float64',
  [LONG_STORAGE]: 'int64',
};
const KNOWN = [ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, ...Object.keys(STORAGES)];
const WANTED = 'the weights alone: torch.save(model.state_dict(), path)';

/**
 * Reads a pickled state_dict: its tensors by key, in the order of the file. Throws InputError if it is damaged,
 * has an unknown instruction or name, or is anything but a dict of tensors.
 */
export function readStateDictPickle(bytes: Buffer): Map<string, PickledTensor> {
  const result = unpickle(bytes);
  if (!(result instanceof Map)) throw new InputError(`holds ${describe(result)}, want ${WANTED}`);
  const tensors = new Map<string, PickledTensor>();
  const others: string[] = [];
  for (const [key, value] of result) {
    const name = typeof key === 'string' ? quoted(key) : describe(key);
    if (typeof key === 'string' && value instanceof PickledTensor) tensors.set(key, value);
    else others.push(`${name} (${describe(value)})`);
  }
  if (others.length > 0) {
    throw new InputError(`holds more than tensors: ${others.join(', ')}; want ${WANTED}`);
  }
  return tensors;
}

function unpickle(bytes: Buffer): unknown {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let position = 0;

  const damaged = (problem: string) =>
    new InputError(`its pickle is damaged at byte ${position}: ${problem}`);
  const take = (length: number): Buffer => {
    if (position + length > bytes.length) throw damaged(`it ends, want ${length} bytes more`);
    position += length;
    return bytes.subarray(position - length, position);
  };
  const byte = () => take(1)[0];
  const uint32 = () => take(4).readUInt32LE();
  const line = (): string => {
    const length = bytes.indexOf('\n', position) - position;
    if (length < 0) throw damaged('a name without an end');
    return take(length + 1).toString('latin1', 0, length);
  };

  const push = (value: unknown) => stack.push(value);
  const top = (): unknown => {
    const value = stack.at(-1);
    if (value === undefined || value === MARK) throw damaged('nothing on its stack');
    return value;
  };
  const pop = (): unknown => {
    const value = top();
    stack.pop();
    return value;
  };
  const popMany = (count: number): unknown[] => Array.from({ length: count }, pop).reverse();
  const popToMark = (): unknown[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw damaged('no mark on its stack');
    return stack.splice(mark).slice(1);
  };
  const setItems = (items: unknown[]) => {
    const dict = top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw damaged('items without a dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };
  const recall = (index: number): unknown => {
    const value = memo.get(index);
    if (value === undefined) throw damaged(`no value with number ${index} in its memory`);
    return value;
  };

  const instructions: Record<string, () => void> = {
    '\x80': () => checkProtocol(byte()), // PROTO
    c: () => push(globalOf(`${line()}.${line()}`)), // GLOBAL
    Q: () => push(storageOf(pop())), // BINPERSID
    R: () => push(rebuild(popMany(2))), // REDUCE
    N: () => push(null), // NONE
    '\x88': () => push(true), // NEWTRUE
    '\x89': () => push(false), // NEWFALSE
    K: () => push(byte()), // BININT1
    M: () => push(take(2).readUInt16LE()), // BININT2
    J: () => push(take(4).readInt32LE()), // BININT
    G: () => push(take(8).readDoubleBE()), // BINFLOAT
    X: () => push(take(uint32()).toString('utf8')), // BINUNICODE
    '(': () => push(MARK), // MARK
    ')': () => push([]), // EMPTY_TUPLE
    '\x85': () => push(popMany(1)), // TUPLE1
    '\x86': () => push(popMany(2)), // TUPLE2
    '\x87': () => push(popMany(3)), // TUPLE3
    t: () => push(popToMark()), // TUPLE
    ']': () => push([]), // EMPTY_LIST
    a: pop, // APPEND. A state_dict has no lists, so their items do not matter
    e: popToMark, // APPENDS
    '}': () => push(new Map()), // EMPTY_DICT
    s: () => setItems(popMany(2)), // SETITEM
    u: () => setItems(popToMark()), // SETITEMS
    q: () => memo.set(byte(), top()), // BINPUT
    r: () => memo.set(uint32(), top()), // LONG_BINPUT
    h: () => push(recall(byte())), // BINGET
    j: () => push(recall(uint32())), // LONG_BINGET
    b: pop, // BUILD sets an attribute: `_metadata`, which is not needed
  };

  for (;;) {
    const opcode = byte();
    const character = String.fromCharCode(opcode);
    if (character === '.') return pop(); // STOP
    const instruction = instructions[character];
    if (!instruction) {
      throw new InputError(
        `pickle instruction 0x${opcode.toString(16)} at byte ${position - 1}, which no state_dict needs; want ${WANTED}`,
      );
    }
    instruction();
  }
}

function checkProtocol(version: number): void {
  if (version === 2) return;
  throw new InputError(`pickle protocol ${version}, want 2, torch.save's default`);
}

function globalOf(name: string): Global {
  if (KNOWN.includes(name)) return new Global(name);
  throw new InputError(
    `asks for ${quoted(name)}, which no weights need: refused, and nothing was run. Want ${WANTED}`,
  );
}

/** The result of REDUCE for the three functions that a state_dict uses. Python would call them. */
function rebuild([callable, args]: unknown[]): unknown {
  const name = callable instanceof Global ? callable.name : describe(callable);
  if (Array.isArray(args)) {
    if (name === ORDERED_DICT && args.length === 0) return new Map();
    if (name === REBUILD_PARAMETER && args[0] instanceof PickledTensor) return args[0];
    const [storage, offset, shape, strides] = args;
    if (
      name === REBUILD_TENSOR &&
      storage instanceof Storage &&
      isSize(offset) &&
      isSizes(shape) &&
      isSizes(strides) &&
      shape.length === strides.length
    ) {
      return new PickledTensor(storage, offset, shape, strides);
    }
  }
  throw new InputError(`its pickle calls ${name} with arguments that no state_dict has`);
}

/** `id` is ('storage', torch.FloatStorage, '0', 'cuda:0', 64). The device does not matter here. */
function storageOf(id: unknown): Storage {
  if (Array.isArray(id)) {
    const [kind, type, key, , length] = id;
    const dtype = type instanceof Global ? STORAGES[type.name] : undefined;
    if (kind === 'storage' && dtype && typeof key === 'string' && isSize(length)) {
      return new Storage(dtype, key, length);
    }
  }
  throw new InputError('its pickle refers to a storage in a way that torch.save does not');
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** At most 64 dimensions, as in PyTorch: a pickle can refer to one long tuple many times. */
function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 64 && value.every(isSize);
}

function describe(value: unknown): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  if (value instanceof PickledTensor) return 'a tensor';
  if (value instanceof Storage) return 'a storage';
  if (value instanceof Global) return value.name;
  return `a ${typeof value}`;
}

/** Writes the pickle of an OrderedDict of tensors. Tensor i lies in storage i. */
export function writeStateDictPickle(tensors: readonly Omit<TensorSource, 'read'>[]): Buffer {
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes.toString('latin1');
  };
  const integer = (value: number) => `J${int32(value)}`;
  const text = (value: string) => {
    const utf8 = Buffer.from(value);
    return `X${int32(utf8.length)}${utf8.toString('latin1')}`;
  };
  const name = (value: string) => `c${value.replace(/\.(\w+)$/, '\n$1')}\n`;
  const tuple = (...items: string[]) => `(${items.join('')}t`;
  const emptyDict = `${name(ORDERED_DICT)})R`;
  const items = tensors.map(({ key, dtype, shape }, i) => {
    const length = integer(product(shape));
    const storage = dtype === 'int64' ? LONG_STORAGE : FLOAT_STORAGE;
    const id = tuple(text('storage'), name(storage), text(`${i}`), text('cpu'), length);
    const [sizes, strides] = [shape, rowMajor(shape)].map((list) => tuple(...list.map(integer)));
    // Offset 0, `requires_grad` False, no backward hooks.
    const tensor = tuple(`${id}Q`, integer(0), sizes, strides, '\x89', emptyDict);
    return `${text(key)}${name(REBUILD_TENSOR)}${tensor}R`;
  });
  return Buffer.from(`\x80\x02${emptyDict}(${items.join('')}u.`, 'latin1');
}
