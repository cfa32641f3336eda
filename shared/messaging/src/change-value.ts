import { HyperswapError } from '@hyperswap/errors';
import type { KeyValue } from './bus.js';

/**
 * Changes a value by compare-and-swap, and retries if another process was faster.
 *
 * @param next the new value of the current one; the very same one is not written
 * @returns the current value
 */
export async function changeValue<Value>(
  state: KeyValue<Value>,
  key: string,
  next: (current: Value | undefined) => Value,
): Promise<Value> {
  for (;;) {
    const current = await state.get(key);
    const changed = next(current?.value);
    if (changed === current?.value) return changed;
    try {
      await state.update(key, changed, current?.revision ?? 0);
      return changed;
    } catch (error) {
      if (!HyperswapError.is(error, 'REVISION_STALE')) throw error;
    }
  }
}
