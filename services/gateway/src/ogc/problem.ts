import { shortenError, toHyperswapError } from '@hyperswap/errors';
import { headersOf, httpStatusOf } from '../problem.js';
import type { OgcAnswer } from './ogc-answer.js';

/** Types of problems that the standard names, by the code of the error. */
const types: Readonly<Record<string, string>> = {
  JOB_NOT_FOUND: 'no-such-job',
  JOB_NOT_DONE: 'result-not-ready',
  PATH_UNKNOWN: 'no-such-process',
};

/** Returns an error as a problem of RFC 7807, with the type that OGC API – Processes gives it. */
export function problemOf(thrown: unknown): OgcAnswer {
  const error = toHyperswapError(thrown);
  const { code, message } = shortenError(error);
  const known = types[code];
  const prefix = 'http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0';
  const type = known === undefined ? 'about:blank' : `${prefix}/${known}`;
  // The standard asks for 404 where a result is not ready.
  const status = code === 'JOB_NOT_DONE' ? 404 : httpStatusOf(error);
  return {
    status,
    headers: headersOf(error),
    type: 'application/problem+json',
    content: { type, title: code, status, detail: message },
  };
}
