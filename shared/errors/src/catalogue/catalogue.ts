import { accessErrors } from './access.js';
import { adapterErrors } from './adapters.js';
import type { CatalogueEntry, DetailKinds, DetailsOf } from './entry.js';
import { gatewayErrors } from './gateway.js';
import { jobErrors } from './jobs.js';
import { processErrors } from './process.js';
import { sceneErrors } from './scenes.js';
import { tileErrors } from './tiles.js';

/**
 * Every error that a user can meet: a stable code, the gRPC status it travels as, when a retry can help, and a sentence
 * that names the file, field or limit and how to fix the problem.
 */
export const catalogue = {
  ...sceneErrors,
  ...tileErrors,
  ...adapterErrors,
  ...jobErrors,
  ...accessErrors,
  ...gatewayErrors,
  ...processErrors,
};

export type ErrorCode = keyof typeof catalogue;

/** Details that the sentence of an error names. */
export type ErrorDetails<Code extends ErrorCode> = DetailsOf<(typeof catalogue)[Code]['kinds']>;

/** Returns the entry of a code, for code that treats all errors alike. */
export function entryOf(code: ErrorCode): CatalogueEntry<DetailKinds> {
  return catalogue[code] as unknown as CatalogueEntry<DetailKinds>;
}

/** Returns true for codes of this catalogue, and false for other text, such as codes of a newer version. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}
