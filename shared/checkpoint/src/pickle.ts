/**
 * Pickles read as data: numbers, text, lists, dictionaries, and objects of classes that the caller names. Nothing is imported and nothing is called but
 * the caller's constructors, so a hostile pickle can only fail.
 *
 * The opcodes are those of Python's `pickletools`, protocols 0 to 5, as far as `torch.save` and what people put beside their weights use them.
 */

/** What is wrong with a pickle; callers name the file. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** A class or function that a pickle names, as `torch._utils._rebuild_tensor_v2`. */
export class PickledGlobal {
  constructor(readonly path: string) {}
}

/** An object whose class is known by name only: its constructor's arguments and its state. */
export class PickledObject {
  state: unknown;
  constructor(
    readonly path: string,
    readonly args: readonly unknown[],
  ) {}
}

export interface PickleOptions {
  /** What stands for an object of a class or a call of a function, by its path; other names are refused. */
  readonly constructors: ReadonlyMap<string, (args: readonly unknown[]) => unknown>;
  /** Whether a class may be named without being made; other names are refused when they are met. */
  readonly isKnown: (path: string) => boolean;
  /** What a persistent id stands for, as `torch.save` uses them for storages. */
  readonly persistent: (id: unknown) => unknown;
}

const mark = Symbol('mark');

/** Reads one pickle. @throws PickleError */
export function readPickle(bytes: Buffer, options: PickleOptions): unknown {
  return new Reader(bytes, options).read();
}

class Reader {
  private position = 0;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    private readonly bytes: Buffer,
    private readonly options: PickleOptions,
  ) {}

  read(): unknown {
    for (;;) {
      const opcode = this.take(1)[0]!;
      if (opcode === 0x2e) return this.pop(); // STOP
      this.step(String.fromCharCode(opcode), opcode);
    }
  }

  private step(letter: string, opcode: number): void {
    const { stack } = this;
    switch (letter) {
      case '\x80': // PROTO
        this.take(1);
        return;
      case '\x95': // FRAME
        this.take(8);
        return;
      case '(':
        stack.push(mark);
        return;
      case '0':
        this.pop();
        return;
      case '1':
        this.popToMark();
        return;
      case '2':
        stack.push(this.top());
        return;
      case 'N':
        stack.push(null);
        return;
      case '\x88':
      case '\x89':
        stack.push(letter === '\x88');
        return;
      case 'K':
        stack.push(this.take(1)[0]);
        return;
      case 'M':
        stack.push(this.take(2).readUInt16LE());
        return;
      case 'J':
        stack.push(this.take(4).readInt32LE());
        return;
      case 'I': {
        const line = this.line();
        stack.push(line === '00' ? false : line === '01' ? true : Number.parseInt(line, 10));
        return;
      }
      case '\x8a': // LONG1
        stack.push(this.long(this.take(1)[0]!));
        return;
      case '\x8b': // LONG4
        stack.push(this.long(this.take(4).readUInt32LE()));
        return;
      case 'G':
        stack.push(this.take(8).readDoubleBE());
        return;
      case 'F':
        stack.push(Number(this.line()));
        return;
      case 'X': // BINUNICODE
        stack.push(this.text(this.take(4).readUInt32LE()));
        return;
      case '\x8c': // SHORT_BINUNICODE
        stack.push(this.text(this.take(1)[0]!));
        return;
      case '\x8d': // BINUNICODE8
      case '\x8e': {
        // BINBYTES8
        const length = Number(this.take(8).readBigUInt64LE());
        stack.push(letter === '\x8d' ? this.text(length) : this.take(length));
        return;
      }
      case 'U': // SHORT_BINSTRING
        stack.push(this.take(this.take(1)[0]!).toString('latin1'));
        return;
      case 'T': // BINSTRING
        stack.push(this.take(this.take(4).readUInt32LE()).toString('latin1'));
        return;
      case 'C': // SHORT_BINBYTES
        stack.push(this.take(this.take(1)[0]!));
        return;
      case 'B': // BINBYTES
        stack.push(this.take(this.take(4).readUInt32LE()));
        return;
      case ']':
        stack.push([]);
        return;
      case '}':
        stack.push(new Map());
        return;
      case ')':
        stack.push([]);
        return;
      case '\x8f': // EMPTY_SET
        stack.push(new Set());
        return;
      case 't':
      case 'l':
        stack.push(this.popToMark());
        return;
      case 'd':
        stack.push(this.fill(new Map(), this.popToMark()));
        return;
      case '\x85':
      case '\x86':
      case '\x87': {
        // TUPLE1, TUPLE2, TUPLE3
        const count = opcode - 0x84;
        if (stack.length < count) throw new PickleError('its stack runs empty');
        stack.push(stack.splice(-count));
        return;
      }
      case 'a': {
        const value = this.pop();
        this.list().push(value);
        return;
      }
      case 'e': {
        const values = this.popToMark();
        const list = this.list();
        for (const value of values) list.push(value);
        return;
      }
      case '\x90': {
        // ADDITEMS
        const values = this.popToMark();
        const set = this.top();
        if (!(set instanceof Set)) throw new PickleError('it adds to something that is no set');
        for (const value of values) set.add(value);
        return;
      }
      case 's': {
        const value = this.pop();
        const key = this.pop();
        this.fill(this.top(), [key, value]);
        return;
      }
      case 'u': {
        const pairs = this.popToMark();
        this.fill(this.top(), pairs);
        return;
      }
      case 'q':
        this.memo.set(this.take(1)[0]!, this.top());
        return;
      case 'r':
        this.memo.set(this.take(4).readUInt32LE(), this.top());
        return;
      case 'p':
        this.memo.set(Number.parseInt(this.line(), 10), this.top());
        return;
      case '\x94': // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return;
      case 'h':
        this.recall(this.take(1)[0]!);
        return;
      case 'j':
        this.recall(this.take(4).readUInt32LE());
        return;
      case 'g':
        this.recall(Number.parseInt(this.line(), 10));
        return;
      case 'c':
        stack.push(this.global(this.line(), this.line()));
        return;
      case '\x93': {
        // STACK_GLOBAL
        const name = this.pop();
        const module = this.pop();
        if (typeof name !== 'string' || typeof module !== 'string')
          throw new PickleError('it names a class by no name');
        stack.push(this.global(module, name));
        return;
      }
      case 'R':
      case '\x81': {
        // REDUCE, NEWOBJ
        const args = this.pop();
        const callee = this.pop();
        if (!(callee instanceof PickledGlobal) || !Array.isArray(args))
          throw new PickleError('it calls what is no class');
        const construct = this.options.constructors.get(callee.path);
        if (construct === undefined) throw new PickleError(`it calls ${callee.path}, which is not allowed`);
        stack.push(construct(args));
        return;
      }
      case 'b': {
        // BUILD
        const state = this.pop();
        const object = this.top();
        if (object instanceof PickledObject) object.state = state;
        return;
      }
      case 'Q': // BINPERSID
        stack.push(this.options.persistent(this.pop()));
        return;
      default:
        throw new PickleError(
          `it holds opcode 0x${opcode.toString(16)} at byte ${this.position - 1}, which is not read`,
        );
    }
  }

  private global(module: string, name: string): PickledGlobal {
    const path = `${module}.${name}`;
    if (!this.options.constructors.has(path) && !this.options.isKnown(path)) {
      throw new PickleError(`it names ${path}, which is not allowed: only tensors and plain data are read`);
    }
    return new PickledGlobal(path);
  }

  private fill(target: unknown, pairs: readonly unknown[]): Map<unknown, unknown> {
    if (!(target instanceof Map) || pairs.length % 2 !== 0)
      throw new PickleError('it sets items of what is no dictionary');
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
    return target;
  }

  private list(): unknown[] {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('it appends to something that is no list');
    return list;
  }

  private recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleError(`it recalls entry ${index}, which it never stored`);
    this.stack.push(this.memo.get(index));
  }

  private top(): unknown {
    if (this.stack.length === 0) throw new PickleError('its stack runs empty');
    return this.stack.at(-1);
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw new PickleError('its stack runs empty');
    return this.stack.pop();
  }

  private popToMark(): unknown[] {
    const start = this.stack.lastIndexOf(mark);
    if (start < 0) throw new PickleError('its stack has no mark');
    const values = this.stack.splice(start);
    return values.slice(1);
  }

  private take(length: number): Buffer {
    if (this.position + length > this.bytes.byteLength) throw new PickleError('it ends too early');
    const part = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return part;
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleError('it ends too early');
    const text = this.bytes.toString('utf8', this.position, end);
    this.position = end + 1;
    return text;
  }

  private text(length: number): string {
    return this.take(length).toString('utf8');
  }

  /** A whole number of any size, little-endian two's complement; exact as far as a double is. */
  private long(length: number): number {
    let value = 0;
    const bytes = this.take(length);
    if (length > 16) throw new PickleError(`it holds a number of ${length} bytes`);
    for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[i]!;
    return length > 0 && bytes[length - 1]! >= 0x80 ? value - 256 ** length : value;
  }
}
