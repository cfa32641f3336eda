import { failure } from '@hyperswap/errors';
import { Precision as PrecisionMessage } from '@hyperswap/proto';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { Precision } from '@hyperswap/tensor';

/** Returns a precision as it travels. */
export function toPrecisionMessage(precision: Precision): PrecisionMessage {
  return precision === 'bfloat16' ? PrecisionMessage.PRECISION_BFLOAT16 : PrecisionMessage.PRECISION_FLOAT32;
}

/** Returns the precision of a request. @param usual choice of requests that name none @throws FIELD_INVALID */
export function precisionChoice(given: PrecisionMessage, usual: PrecisionChoice): PrecisionChoice {
  switch (given) {
    case PrecisionMessage.PRECISION_UNSPECIFIED:
      return usual;
    case PrecisionMessage.PRECISION_AUTO:
      return 'auto';
    case PrecisionMessage.PRECISION_FLOAT32:
      return 'float32';
    case PrecisionMessage.PRECISION_BFLOAT16:
      return 'bfloat16';
    case PrecisionMessage.UNRECOGNIZED:
      throw failure('FIELD_INVALID', { field: 'precision', reason: 'it is none of auto, float32 and bfloat16' });
  }
}
