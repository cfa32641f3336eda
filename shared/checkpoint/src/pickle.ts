/**
 * Pickles read as data: numbers, text, lists, dictionaries, and objects of classes that the caller names. Nothing is
 * imported and nothing is called but the caller's constructors, so a hostile pickle can only fail. The amount of data
 * that it may create is bounded.
 *
 * The opcodes are those of Python's `pickletools`, protocols 0 to 5, as far as `torch.save` and common training scripts
 * use them.
 */
import { PickleMachine } from './pickle-machine.js';
import { opcodes, stop } from './pickle-opcodes.js';
import { PickleError, type PickleOptions } from './pickle-values.js';

/** Reads one pickle. @throws PickleError */
export function readPickle(bytes: Buffer, options: PickleOptions): unknown {
  const machine = new PickleMachine(bytes, options);
  for (;;) {
    const opcode = machine.uint8();
    if (opcode === stop) return machine.pop();
    const step = opcodes.get(opcode);
    if (step === undefined) {
      const place = `opcode 0x${opcode.toString(16)} at byte ${machine.position - 1}`;
      throw new PickleError(`it holds ${place}, which is not read`);
    }
    step(machine);
  }
}
