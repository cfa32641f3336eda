import type { PickleMachine } from './pickle-machine.js';
import { PickleError } from './pickle-values.js';

type Step = (machine: PickleMachine) => void;

/** The opcode that ends a pickle; its value is the last of the stack. */
export const stop = '.'.charCodeAt(0);
const highestProtocol = 5;

function checkProtocol(version: number): void {
  if (version > highestProtocol)
    throw new PickleError(`it is of protocol ${version}; up to ${highestProtocol} is read`);
}

/** `INT` of protocol 0, which writes booleans as `00` and `01`. */
function integer(line: string): number | boolean {
  if (line === '00' || line === '01') return line === '01';
  return Number.parseInt(line, 10);
}

/** Steps by the names that Python's `pickletools` gives their opcodes. */
const steps: readonly (readonly [name: string, opcode: string, step: Step])[] = [
  ['PROTO', '\x80', (machine) => checkProtocol(machine.uint8())],
  ['FRAME', '\x95', (machine) => machine.take(8)],

  ['MARK', '(', (machine) => machine.pushMark()],
  ['POP', '0', (machine) => machine.pop()],
  ['POP_MARK', '1', (machine) => machine.popToMark()],
  ['DUP', '2', (machine) => machine.push(machine.top())],

  ['NONE', 'N', (machine) => machine.push(null)],
  ['NEWTRUE', '\x88', (machine) => machine.push(true)],
  ['NEWFALSE', '\x89', (machine) => machine.push(false)],
  ['INT', 'I', (machine) => machine.push(integer(machine.line()))],
  ['BININT', 'J', (machine) => machine.push(machine.take(4).readInt32LE())],
  ['BININT1', 'K', (machine) => machine.push(machine.uint8())],
  ['BININT2', 'M', (machine) => machine.push(machine.take(2).readUInt16LE())],
  ['LONG1', '\x8a', (machine) => machine.push(machine.long(machine.uint8()))],
  ['LONG4', '\x8b', (machine) => machine.push(machine.long(machine.uint32()))],
  ['FLOAT', 'F', (machine) => machine.push(Number(machine.line()))],
  ['BINFLOAT', 'G', (machine) => machine.push(machine.take(8).readDoubleBE())],

  ['BINUNICODE', 'X', (machine) => machine.push(machine.text(machine.uint32()))],
  ['SHORT_BINUNICODE', '\x8c', (machine) => machine.push(machine.text(machine.uint8()))],
  ['BINUNICODE8', '\x8d', (machine) => machine.push(machine.text(machine.uint64()))],
  ['BINSTRING', 'T', (machine) => machine.push(machine.take(machine.uint32()).toString('latin1'))],
  ['SHORT_BINSTRING', 'U', (machine) => machine.push(machine.take(machine.uint8()).toString('latin1'))],
  ['BINBYTES', 'B', (machine) => machine.push(machine.take(machine.uint32()))],
  ['SHORT_BINBYTES', 'C', (machine) => machine.push(machine.take(machine.uint8()))],
  ['BINBYTES8', '\x8e', (machine) => machine.push(machine.take(machine.uint64()))],

  ['EMPTY_LIST', ']', (machine) => machine.push([])],
  ['EMPTY_TUPLE', ')', (machine) => machine.push([])],
  ['EMPTY_DICT', '}', (machine) => machine.push(new Map())],
  ['EMPTY_SET', '\x8f', (machine) => machine.push(new Set())],
  ['LIST', 'l', (machine) => machine.push(machine.popToMark())],
  ['TUPLE', 't', (machine) => machine.push(machine.popToMark())],
  ['TUPLE1', '\x85', (machine) => machine.push(machine.popMany(1))],
  ['TUPLE2', '\x86', (machine) => machine.push(machine.popMany(2))],
  ['TUPLE3', '\x87', (machine) => machine.push(machine.popMany(3))],
  [
    'DICT',
    'd',
    (machine) => {
      const pairs = machine.popToMark();
      machine.push(new Map());
      machine.setItems(pairs);
    },
  ],
  ['APPEND', 'a', (machine) => machine.append([machine.pop()])],
  ['APPENDS', 'e', (machine) => machine.append(machine.popToMark())],
  ['ADDITEMS', '\x90', (machine) => machine.addToSet(machine.popToMark())],
  ['SETITEM', 's', (machine) => machine.setItems(machine.popMany(2))],
  ['SETITEMS', 'u', (machine) => machine.setItems(machine.popToMark())],

  ['PUT', 'p', (machine) => machine.remember(Number.parseInt(machine.line(), 10))],
  ['BINPUT', 'q', (machine) => machine.remember(machine.uint8())],
  ['LONG_BINPUT', 'r', (machine) => machine.remember(machine.uint32())],
  ['MEMOIZE', '\x94', (machine) => machine.remember()],
  ['GET', 'g', (machine) => machine.recall(Number.parseInt(machine.line(), 10))],
  ['BINGET', 'h', (machine) => machine.recall(machine.uint8())],
  ['LONG_BINGET', 'j', (machine) => machine.recall(machine.uint32())],

  ['GLOBAL', 'c', (machine) => machine.name(machine.line(), machine.line())],
  [
    'STACK_GLOBAL',
    '\x93',
    (machine) => {
      const [module, name] = machine.popMany(2);
      if (typeof module !== 'string' || typeof name !== 'string') throw new PickleError('it names a class by no name');
      machine.name(module, name);
    },
  ],
  ['REDUCE', 'R', (machine) => machine.construct()],
  ['NEWOBJ', '\x81', (machine) => machine.construct()],
  ['BUILD', 'b', (machine) => machine.build()],
  ['BINPERSID', 'Q', (machine) => machine.load()],
];

/** Effects of opcodes; others are not read. */
export const opcodes: ReadonlyMap<number, Step> = new Map(
  steps.map(([, opcode, step]) => [opcode.charCodeAt(0), step]),
);
