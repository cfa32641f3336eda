import { failure } from '@hyperswap/errors';
import { Precision as PrecisionMessage } from '@hyperswap/proto';
import { requireKnown } from '@hyperswap/rpc';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { Precision } from '@hyperswap/tensor';

const messages: Readonly<Record<Precision, PrecisionMessage>> = {
  float32: PrecisionMessage.PRECISION_FLOAT32,
  bfloat16: PrecisionMessage.PRECISION_BFLOAT16,
  int8: PrecisionMessage.PRECISION_INT8,
};

/** Returns a precision as it travels. */
export function toPrecisionMessage(precision: Precision): PrecisionMessage {
  return messages[precision];
}

/** Returns the precision of a request. @param usual choice of requests that name none @throws FIELD_INVALID */
export function precisionChoice(given: PrecisionMessage, usual: PrecisionChoice): PrecisionChoice {
  requireKnown(PrecisionMessage, given, 'precision');
  switch (given) {
    case PrecisionMessage.PRECISION_UNSPECIFIED:
      return usual;
    case PrecisionMessage.PRECISION_AUTO:
      return 'auto';
    case PrecisionMessage.PRECISION_FLOAT32:
      return 'float32';
    case PrecisionMessage.PRECISION_BFLOAT16:
      return 'bfloat16';
    case PrecisionMessage.PRECISION_INT8:
      return 'int8';
    case PrecisionMessage.UNRECOGNIZED:
      throw failure('INTERNAL', { reason: 'unknown values were refused' });
  }
}
