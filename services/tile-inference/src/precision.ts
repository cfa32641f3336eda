import { Precision as PrecisionMessage } from '@hyperswap/proto';
import { requireKnown } from '@hyperswap/rpc';
import { numberFormat, type PrecisionChoice } from '@hyperswap/spectralgpt';
import type { NumberFormat, Precision } from '@hyperswap/tensor';

const messages: Readonly<Record<NumberFormat, PrecisionMessage>> = {
  float32: PrecisionMessage.PRECISION_FLOAT32,
  bfloat16: PrecisionMessage.PRECISION_BFLOAT16,
  int8: PrecisionMessage.PRECISION_INT8,
};

/** Returns a precision as it travels. */
export function toPrecisionMessage(precision: Precision): PrecisionMessage {
  return messages[numberFormat(precision)];
}

/** Choices of requests. */
const choices = new Map<PrecisionMessage, PrecisionChoice>([
  [PrecisionMessage.PRECISION_AUTO, 'auto'],
  [PrecisionMessage.PRECISION_FLOAT32, 'float32'],
  [PrecisionMessage.PRECISION_BFLOAT16, 'bfloat16'],
  [PrecisionMessage.PRECISION_INT8, 'int8'],
]);

/** Returns the precision of a request. @param usual choice of requests that name none @throws FIELD_INVALID */
export function precisionChoice(given: PrecisionMessage, usual: PrecisionChoice): PrecisionChoice {
  requireKnown(PrecisionMessage, given, 'precision');
  return choices.get(given) ?? usual;
}
