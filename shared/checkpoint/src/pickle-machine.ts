import { PickledGlobal, PickledObject, PickleError, type PickleOptions } from './pickle-values.js';

/**
 * Values that one pickle may make or remember; an object of a list, dictionary or class counts as several. A checkpoint
 * with its optimiser makes some ten thousand.
 */
const maximumValues = 2_000_000;
const valuesOfContainer = 4;
/** Lists, dictionaries and tuples that may be open inside each other. */
const maximumDepth = 1000;
/** Bytes of a line of text: a number, or a part of a name. */
const maximumLineBytes = 1024;
const maximumLongBytes = 16;

const mark = Symbol('mark');

/** The state of Python's unpickler: the bytes still to be read, a stack and a memo. Each step is an opcode. */
export class PickleMachine {
  /** The next byte. */
  position = 0;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private depth = 0;
  private values = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly options: PickleOptions,
  ) {}

  /** The next bytes. @throws PickleError when there are fewer */
  take(length: number): Buffer {
    if (this.position + length > this.bytes.byteLength) throw new PickleError('it ends too early');
    const part = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return part;
  }

  /** Text up to the end of a line. */
  line(): string {
    const rest = this.bytes.subarray(this.position, this.position + maximumLineBytes);
    const length = rest.indexOf(0x0a);
    if (length < 0) throw new PickleError(`it ends too early, or holds a line of more than ${maximumLineBytes} bytes`);
    this.position += length + 1;
    return rest.toString('utf8', 0, length);
  }

  text(length: number): string {
    return this.take(length).toString('utf8');
  }

  uint8(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw new PickleError('it ends too early');
    this.position += 1;
    return byte;
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  uint64(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  /** A whole number of any size, little-endian two's complement; exact as far as a double is. */
  long(length: number): number {
    if (length > maximumLongBytes) throw new PickleError(`it holds a number of ${length} bytes`);
    const bytes = this.take(length);
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[i]!;
    return length > 0 && bytes[length - 1]! >= 0x80 ? value - 256 ** length : value;
  }

  push(value: unknown): void {
    this.count(typeof value === 'object' && value !== null ? valuesOfContainer : 1);
    this.stack.push(value);
  }

  pop(): unknown {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  /** The last value of the stack. @throws PickleError when there is none */
  top(): unknown {
    if (this.stack.length === 0) throw new PickleError('its stack runs empty');
    const value = this.stack.at(-1);
    if (value === mark) throw new PickleError('it uses a mark as a value');
    return value;
  }

  pushMark(): void {
    this.depth += 1;
    if (this.depth > maximumDepth) throw new PickleError(`it nests more than ${maximumDepth} levels`);
    this.stack.push(mark);
  }

  /** Takes the values since the last mark, and the mark, from the stack. */
  popToMark(): unknown[] {
    const start = this.stack.lastIndexOf(mark);
    if (start < 0) throw new PickleError('its stack has no mark');
    this.depth -= 1;
    const values = this.stack.splice(start + 1);
    this.stack.pop();
    return values;
  }

  /** Takes the last values from the stack. */
  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** Remembers the last value of the stack, by default under the next free number. */
  remember(index = this.memo.size): void {
    if (!Number.isSafeInteger(index) || index < 0) throw new PickleError('it remembers a value under no number');
    this.count(1);
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleError(`it recalls entry ${index}, which it never stored`);
    this.count(1);
    this.stack.push(this.memo.get(index));
  }

  /** Names a class or function. @throws PickleError when neither a constructor nor the caller knows it */
  name(module: string, name: string): void {
    const path = `${module}.${name}`;
    if (path.length > maximumLineBytes) throw new PickleError(`it holds a name of ${path.length} characters`);
    if (!this.options.constructors.has(path) && !this.options.isKnown(path)) {
      throw new PickleError(`it names ${path}, which is not allowed: only tensors and plain data are read`);
    }
    this.push(new PickledGlobal(path));
  }

  /** Makes an object of a class, or calls a function, with arguments: both are on the stack. */
  construct(): void {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickledGlobal) || !Array.isArray(args)) throw new PickleError('it calls what is no class');
    const construct = this.options.constructors.get(callee.path);
    if (construct === undefined) throw new PickleError(`it calls ${callee.path}, which is not allowed`);
    this.push(construct(args, (values) => this.count(values)));
  }

  /** Gives the last object its state. */
  build(): void {
    const [object, state] = this.popMany(2);
    if (object instanceof PickledObject) object.state = state;
    this.stack.push(object);
  }

  /** Replaces a persistent id by what it stands for. */
  load(): void {
    this.push(this.options.persistent(this.pop()));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('it appends to something that is no list');
    for (const value of values) list.push(value);
  }

  addToSet(values: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw new PickleError('it adds to something that is no set');
    for (const value of values) set.add(value);
  }

  /** @param pairs keys and values in turn */
  setItems(pairs: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map) || pairs.length % 2 !== 0) {
      throw new PickleError('it sets items of what is no dictionary');
    }
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
  }

  private count(values: number): void {
    this.values += values;
    if (this.values > maximumValues) throw new PickleError(`it makes more than ${maximumValues} values`);
  }
}
