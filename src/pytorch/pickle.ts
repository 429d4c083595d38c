/**
 * The pickle inside a `.pth` file, read and written without Python.
 *
 * A pickle is a program for a stack machine. In Python it can call any function. This reader calls nothing: it knows
 * what `torch.save` writes for tensors and dicts, and takes everything else for an object that it knows by name only.
 * Protocols 2 to 5.
 */
import { InputError } from '../errors';
import { product, quoted, rowMajor, type StoredType, type TensorSource } from './tensors';

/** The numbers in the archive's entry `data/<key>`. */
class Storage {
  constructor(
    /** Undefined if weights never have it. */
    readonly dtype: StoredType | undefined,
    readonly key: string,
    /** In elements. */
    readonly length: number,
  ) {}
}

/** A view of a storage. Offset, sizes and strides count elements. */
export class PickledTensor {
  constructor(
    readonly storage: Storage & { dtype: StoredType },
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/** The name of a Python function or class. */
class Global {
  constructor(readonly name: string) {}
}

/** An object that was not made: what it would be. */
class Unmade {
  constructor(readonly name: string) {}
}

const MARK = Symbol('mark');
const ORDERED_DICT = 'collections.OrderedDict';
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const FLOAT_STORAGE = 'torch.FloatStorage';
const LONG_STORAGE = 'torch.LongStorage';
const STORAGES = new Map<string, StoredType>([
  [FLOAT_STORAGE, 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.DoubleStorage', 'float64'],
  [LONG_STORAGE, 'int64'],
]);
const WANTED = 'the weights: torch.save(model.state_dict(), path)';
/** How deep in dicts of dicts weights are looked for. */
const DEPTH = 4;
const LONGEST_NAME = 200;

/**
 * Finds the dicts of tensors in a pickle: the names of the entries that lead to each (`state_dict`, or nothing if the
 * whole is one), and its tensors in the order of the file. Throws InputError if the pickle is damaged, or has none.
 */
export function readStateDicts(bytes: Buffer): Map<string, Map<string, PickledTensor>> {
  const result = unpickle(bytes);
  const found = new Map<string, Map<string, PickledTensor>>();
  const seen = new Set<unknown>();
  const search = (value: unknown, path: string[]) => {
    if (!(value instanceof Map) || seen.has(value) || path.length > DEPTH) return;
    seen.add(value);
    const tensors = [...value].filter(
      (entry): entry is [string, PickledTensor] =>
        typeof entry[0] === 'string' && entry[1] instanceof PickledTensor,
    );
    if (tensors.length > 0) found.set(path.join('.'), new Map(tensors));
    for (const [key, each] of value) search(each, [...path, shortName(key)]);
  };
  search(result, []);
  if (found.size > 0) return found;
  if (result instanceof Map && result.size > 0) {
    const entries = [...result].map(([key, value]) => `${shortName(key)} (${describe(value)})`);
    throw new InputError(
      `holds no tensors, only ${entries.slice(0, 8).join(', ')}; want ${WANTED}`,
    );
  }
  throw new InputError(`holds ${describe(result)}, want ${WANTED}`);
}

const shortName = (key: unknown) =>
  typeof key === 'string'
    ? quoted(key.slice(0, 60))
    : typeof key === 'number'
      ? `${key}`
      : describe(key);

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
  const uint64 = () => Number(take(8).readBigUInt64LE());
  const line = (): string => {
    const length = bytes.indexOf('\n', position) - position;
    if (length < 0) throw damaged('a name without an end');
    if (length > LONGEST_NAME) throw damaged('a name that is too long');
    return take(length + 1).toString('latin1', 0, length);
  };
  /** A little-endian integer; too large ones are not exact. */
  const long = (length: number) =>
    take(length).reduceRight(
      (sum, value, i) => 256 * sum + (i === length - 1 && value > 127 ? value - 256 : value),
      0,
    );

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
    if (dict instanceof Unmade) return;
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw damaged('items without a dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };
  const recall = (index: number): unknown => {
    const value = memo.get(index);
    if (value === undefined) throw damaged(`no value with number ${index} in its memory`);
    return value;
  };
  const text = (length: number) => push(take(length).toString('utf8'));
  const make = ([type]: unknown[]) => push(new Unmade(nameOf(type)));
  const globalOf = ([module, name]: unknown[]) => {
    const isName = (value: unknown) => typeof value === 'string' && value.length <= LONGEST_NAME;
    if (!isName(module) || !isName(name)) throw damaged('a name that is no text, or too long');
    return new Global(`${module}.${name}`);
  };

  // Lists and sets have no weights in them: their items do not matter.
  const instructions: Record<string, () => void> = {
    '\x80': () => checkProtocol(byte()), // PROTO
    '\x95': () => take(8), // FRAME
    c: () => push(new Global(`${line()}.${line()}`)), // GLOBAL
    '\x93': () => push(globalOf(popMany(2))), // STACK_GLOBAL
    Q: () => push(storageOf(pop())), // BINPERSID
    R: () => push(rebuild(popMany(2))), // REDUCE
    '\x81': () => make(popMany(2)), // NEWOBJ
    '\x92': () => make(popMany(3)), // NEWOBJ_EX
    N: () => push(null), // NONE
    '\x88': () => push(true), // NEWTRUE
    '\x89': () => push(false), // NEWFALSE
    K: () => push(byte()), // BININT1
    M: () => push(take(2).readUInt16LE()), // BININT2
    J: () => push(take(4).readInt32LE()), // BININT
    '\x8a': () => push(long(byte())), // LONG1
    '\x8b': () => push(long(uint32())), // LONG4
    G: () => push(take(8).readDoubleBE()), // BINFLOAT
    X: () => text(uint32()), // BINUNICODE
    '\x8c': () => text(byte()), // SHORT_BINUNICODE
    '\x8d': () => text(uint64()), // BINUNICODE8
    T: () => text(uint32()), // BINSTRING
    U: () => text(byte()), // SHORT_BINSTRING
    B: () => text(uint32()), // BINBYTES
    C: () => text(byte()), // SHORT_BINBYTES
    '\x8e': () => text(uint64()), // BINBYTES8
    '\x96': () => text(uint64()), // BYTEARRAY8
    '(': () => push(MARK), // MARK
    '0': pop, // POP
    '1': popToMark, // POP_MARK
    '2': () => push(top()), // DUP
    ')': () => push([]), // EMPTY_TUPLE
    '\x85': () => push(popMany(1)), // TUPLE1
    '\x86': () => push(popMany(2)), // TUPLE2
    '\x87': () => push(popMany(3)), // TUPLE3
    t: () => push(popToMark()), // TUPLE
    ']': () => push([]), // EMPTY_LIST
    a: pop, // APPEND
    e: popToMark, // APPENDS
    '\x8f': () => push(new Unmade('a set')), // EMPTY_SET
    '\x90': popToMark, // ADDITEMS
    '\x91': () => push(popToMark()), // FROZENSET
    '}': () => push(new Map()), // EMPTY_DICT
    s: () => setItems(popMany(2)), // SETITEM
    u: () => setItems(popToMark()), // SETITEMS
    q: () => memo.set(byte(), top()), // BINPUT
    r: () => memo.set(uint32(), top()), // LONG_BINPUT
    '\x94': () => memo.set(memo.size, top()), // MEMOIZE
    h: () => push(recall(byte())), // BINGET
    j: () => push(recall(uint32())), // LONG_BINGET
    b: pop, // BUILD sets attributes
  };

  for (;;) {
    const opcode = byte();
    const character = String.fromCharCode(opcode);
    if (character === '.') return pop(); // STOP
    const instruction = instructions[character];
    if (!instruction) throw damaged(`no instruction 0x${opcode.toString(16)}`);
    instruction();
  }
}

function checkProtocol(version: number): void {
  if (version >= 2 && version <= 5) return;
  throw new InputError(`pickle protocol ${version}, want 2 to 5`);
}

/** The result of REDUCE. Python would call the function; only those of tensors and dicts have a meaning here. */
function rebuild([callable, args]: unknown[]): unknown {
  const name = nameOf(callable);
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
      const { dtype, key, length } = storage;
      if (!dtype) return new Unmade('a tensor of another type');
      return new PickledTensor({ dtype, key, length }, offset, shape, strides);
    }
  }
  if (name !== REBUILD_TENSOR) return new Unmade(name);
  throw new InputError(`its pickle calls ${name} with arguments that no state_dict has`);
}

/** `id` is ('storage', torch.FloatStorage, '0', 'cuda:0', 64). The device does not matter here. */
function storageOf(id: unknown): Storage {
  if (Array.isArray(id)) {
    const [kind, type, key, , length] = id;
    if (kind === 'storage' && type instanceof Global && typeof key === 'string' && isSize(length)) {
      return new Storage(STORAGES.get(type.name), key, length);
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

/** What a function or class is called, or what else is in its place. */
function nameOf(value: unknown): string {
  return value instanceof Global || value instanceof Unmade ? value.name : describe(value);
}

function describe(value: unknown): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  if (value instanceof PickledTensor) return 'a tensor';
  if (value instanceof Storage) return 'a storage';
  if (value instanceof Global || value instanceof Unmade) return quoted(value.name);
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
