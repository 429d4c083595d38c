/**
 * The pickle inside a `.pth` file, read and written without Python.
 *
 * A pickle is a program for a stack machine, and in Python it may call anything. Here nothing is ever called:
 * of its instructions only those are known that `torch.save(model.state_dict())` writes (protocol 2), and of
 * Python's names only the six that such a file needs; all others are refused by name.
 */
import { InputError } from '../../errors';
import { rowMajor, type StoredType, shown } from './stored';

/** A run of numbers in the archive's entry `data/<key>`. */
export class Storage {
  constructor(
    readonly dtype: StoredType,
    readonly key: string,
    /** Elements. */
    readonly length: number,
  ) {}
}

/** A view of a storage; all lengths are in elements. */
export class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/** A name of Python's: known, and never more than a name. */
class Global {
  constructor(readonly name: string) {}
}

type Value =
  | null
  | boolean
  | number
  | string
  | Value[]
  | Map<Value, Value>
  | Global
  | Storage
  | PickledTensor
  | typeof MARK;

const MARK: unique symbol = Symbol('mark');
const ORDERED_DICT = 'collections.OrderedDict';
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const STORAGES: Record<string, StoredType> = {
  'torch.FloatStorage': 'float32',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.DoubleStorage': 'float64',
};
const KNOWN = [ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, ...Object.keys(STORAGES)];

/**
 * Reads a pickled state_dict: tensors by key, in the file's order.
 * Throws InputError for damage, for an unknown instruction or name, and for anything else than a dict of tensors.
 */
export function readStateDictPickle(bytes: Buffer): Map<string, PickledTensor> {
  const result = unpickle(bytes);
  if (!(result instanceof Map)) {
    throw new InputError(`holds ${describe(result)}, want ${WANTED}`);
  }
  const tensors = new Map<string, PickledTensor>();
  const others: string[] = [];
  for (const [key, value] of result) {
    if (typeof key === 'string' && value instanceof PickledTensor) tensors.set(key, value);
    else others.push(`${shown(String(key))} (${describe(value)})`);
  }
  if (others.length > 0) {
    throw new InputError(`holds more than tensors: ${others.join(', ')}; want ${WANTED}`);
  }
  return tensors;
}

const WANTED = 'the weights alone: torch.save(model.state_dict(), path)';

function unpickle(bytes: Buffer): Value {
  const stack: Value[] = [];
  const memo = new Map<number, Value>();
  let position = 0;

  const damaged = (what: string) =>
    new InputError(`its pickle is damaged at byte ${position}: ${what}`);
  const take = (length: number): Buffer => {
    if (position + length > bytes.length) throw damaged(`it ends, ${length} bytes more are wanted`);
    position += length;
    return bytes.subarray(position - length, position);
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, position);
    if (end < 0) throw damaged('a name without an end');
    const text = bytes.toString('latin1', position, end);
    position = end + 1;
    return text;
  };
  const pop = (): Value => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw damaged('nothing on its stack');
    return value;
  };
  const popToMark = (): Value[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw damaged('no mark on its stack');
    const values = stack.splice(mark);
    return values.slice(1);
  };
  const top = (): Value => {
    const value = stack.at(-1);
    if (value === undefined || value === MARK) throw damaged('nothing on its stack');
    return value;
  };
  const recall = (index: number): Value => {
    const value = memo.get(index);
    if (value === undefined) throw damaged(`${index} was never remembered`);
    return value;
  };
  const setItems = (items: Value[]) => {
    const dict = top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw damaged('items without a dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };

  for (;;) {
    const opcode = take(1)[0];
    switch (opcode) {
      case 0x80: {
        const protocol = take(1)[0];
        if (protocol !== 2)
          throw new InputError(`pickle protocol ${protocol}, want 2, torch.save's own`);
        break;
      }
      case 0x2e: // STOP
        return pop();
      case 0x28: // MARK
        stack.push(MARK);
        break;
      case 0x63: {
        // GLOBAL
        const name = `${line()}.${line()}`;
        if (!KNOWN.includes(name)) {
          throw new InputError(
            `asks for ${shown(name)}, which no weights need: refused, and nothing was run. Want ${WANTED}`,
          );
        }
        stack.push(new Global(name));
        break;
      }
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        stack.push(opcode === 0x88);
        break;
      case 0x4a: // BININT
        stack.push(take(4).readInt32LE());
        break;
      case 0x4b: // BININT1
        stack.push(take(1)[0]);
        break;
      case 0x4d: // BININT2
        stack.push(take(2).readUInt16LE());
        break;
      case 0x8a: // LONG1
        stack.push(long(take(take(1)[0])));
        break;
      case 0x47: // BINFLOAT
        stack.push(take(8).readDoubleBE());
        break;
      case 0x58: // BINUNICODE
        stack.push(take(take(4).readUInt32LE()).toString('utf8'));
        break;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: opcode - 0x84 }, pop);
        stack.push(items.reverse());
        break;
      }
      case 0x74: // TUPLE
        stack.push(popToMark());
        break;
      case 0x61: // APPEND
      case 0x65: {
        // APPENDS
        const items: Value[] = opcode === 0x61 ? [pop()] : popToMark();
        const list = top();
        if (!Array.isArray(list)) throw damaged('items without a list');
        for (const item of items) list.push(item);
        break;
      }
      case 0x73: {
        // SETITEM
        const value = pop();
        setItems([pop(), value]);
        break;
      }
      case 0x75: // SETITEMS
        setItems(popToMark());
        break;
      case 0x71: // BINPUT
        memo.set(take(1)[0], top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(take(4).readUInt32LE(), top());
        break;
      case 0x68: // BINGET
        stack.push(recall(take(1)[0]));
        break;
      case 0x6a: // LONG_BINGET
        stack.push(recall(take(4).readUInt32LE()));
        break;
      case 0x51: // BINPERSID
        stack.push(storage(pop()));
        break;
      case 0x52: {
        // REDUCE
        const args = pop();
        stack.push(rebuild(pop(), args));
        break;
      }
      case 0x62: // BUILD: attributes of an OrderedDict, here the state_dict's `_metadata`; not needed
        pop();
        if (!(top() instanceof Map)) throw damaged('attributes without a dict');
        break;
      default:
        throw new InputError(
          `pickle instruction 0x${opcode.toString(16)} at byte ${position - 1} is none that a state_dict needs; want ${WANTED}`,
        );
    }
  }
}

/** What `REDUCE` stands for. In Python it calls `callable`; here three names have a meaning, and no code runs. */
function rebuild(callable: Value, args: Value): Value {
  const name = callable instanceof Global ? callable.name : describe(callable);
  if (Array.isArray(args)) {
    if (name === ORDERED_DICT && args.length === 0) return new Map();
    if (name === REBUILD_PARAMETER && args[0] instanceof PickledTensor) return args[0];
    if (name === REBUILD_TENSOR) {
      const [storage, offset, shape, strides] = args;
      if (
        storage instanceof Storage &&
        isSize(offset) &&
        isSizes(shape) &&
        isSizes(strides) &&
        shape.length === strides.length
      ) {
        return new PickledTensor(storage, offset, shape, strides);
      }
    }
  }
  throw new InputError(`its pickle calls ${name} with what no state_dict has`);
}

/** ('storage', torch.FloatStorage, '0', 'cuda:0', 64). Where the tensor was before does not matter here. */
function storage(id: Value): Storage {
  if (Array.isArray(id)) {
    const [kind, type, key, , length] = id;
    const dtype = type instanceof Global ? STORAGES[type.name] : undefined;
    if (kind === 'storage' && dtype && typeof key === 'string' && isSize(length)) {
      return new Storage(dtype, key, length);
    }
  }
  throw new InputError('its pickle names a storage in a way that torch.save does not');
}

function long(bytes: Buffer): number {
  let value = 0n;
  for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

function isSize(value: Value): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: Value): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

function describe(value: Value): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  if (value instanceof PickledTensor) return 'a tensor';
  if (value instanceof Global) return value.name;
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}

/** The pickle of an OrderedDict of float32 tensors; number i lies in storage i. */
export function writeStateDictPickle(
  tensors: readonly { key: string; shape: readonly number[] }[],
): Buffer {
  const parts: Buffer[] = [];
  const opcodes = (...values: number[]) => parts.push(Buffer.from(values));
  const text = (value: string) => {
    const utf8 = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(utf8.length);
    opcodes(0x58);
    parts.push(length, utf8);
  };
  const integer = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    opcodes(0x4a);
    parts.push(bytes);
  };
  const global = (name: string) => {
    const dot = name.lastIndexOf('.');
    parts.push(Buffer.from(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`));
  };
  const tuple = (values: readonly number[]) => {
    opcodes(0x28);
    values.forEach(integer);
    opcodes(0x74);
  };
  const emptyDict = () => {
    global(ORDERED_DICT);
    opcodes(0x29, 0x52); // (), REDUCE
  };

  opcodes(0x80, 2);
  emptyDict();
  opcodes(0x28);
  tensors.forEach(({ key, shape }, index) => {
    text(key);
    global(REBUILD_TENSOR);
    opcodes(0x28, 0x28);
    text('storage');
    global('torch.FloatStorage');
    text(String(index));
    text('cpu');
    integer(shape.reduce((a, b) => a * b, 1));
    opcodes(0x74, 0x51); // TUPLE, BINPERSID
    integer(0);
    tuple(shape);
    tuple(rowMajor(shape));
    opcodes(0x89); // requires_grad = False
    emptyDict(); // backward hooks
    opcodes(0x74, 0x52); // TUPLE, REDUCE
  });
  opcodes(0x75, 0x2e); // SETITEMS, STOP
  return Buffer.concat(parts);
}
