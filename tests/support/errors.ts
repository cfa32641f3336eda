import { HyperswapError, type ErrorCode } from '@hyperswap/errors';

/**
 * Matcher for `assert.throws` and `assert.rejects`: a catalogued error with this code, and a message with the expected
 * content.
 */
export function hasCode(code: ErrorCode, message = /./): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof HyperswapError)) throw error;
    if (error.code !== code) throw new Error(`expected ${code}, got ${error.code}: ${error.message}`);
    if (!message.test(error.message)) throw new Error(`the message does not tell ${String(message)}: ${error.message}`);
    return true;
  };
}
