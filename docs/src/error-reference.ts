/** Reference of all errors, from the catalogue. */
import { catalogue, type CatalogueEntry, type DetailKinds } from '@hyperswap/errors';
import { table } from './table.js';

/** Returns the page of all error codes with their status and sentence. */
export function errorReference(): string {
  const rows = Object.entries(catalogue).map(([code, found]) => {
    const { status, kinds, sentence, retryAfterMilliseconds } = found as unknown as CatalogueEntry<DetailKinds>;
    const details = Object.fromEntries(Object.keys(kinds).map((name) => [name, `‹${name}›`])) as never;
    const shown = typeof status === 'function' ? 'as the error says' : status;
    return [`\`${code}\``, shown, retryAfterMilliseconds === undefined ? '' : 'yes', sentence(details)];
  });
  return [
    '# Errors',
    'Generated from `shared/errors` by `make reference`. An error travels as gRPC status with `google.rpc` details: the code is the reason of `ErrorInfo`, and its metadata are the details that the sentence shows here as ‹name›.',
    table(['code', 'gRPC status', 'retry helps', 'sentence'], rows),
    '',
  ].join('\n\n');
}
