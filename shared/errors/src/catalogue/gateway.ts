import { entry } from './entry.js';

/** Errors of the gateway for browsers. */
export const gatewayErrors = {
  HOST_REFUSED: entry(
    'PERMISSION_DENIED',
    { header: 'text', value: 'text' },
    ({ header, value }) =>
      `The gateway does not answer requests with the header ${header}: ${value}. Open it under its own address, or name its host in HYPERSWAP_GATEWAY_HOSTS.`,
  ),
  HTTP_INVALID: entry(
    'INVALID_ARGUMENT',
    { reason: 'text' },
    ({ reason }) => `The HTTP request cannot be answered: ${reason}.`,
  ),
  PATH_UNKNOWN: entry(
    'NOT_FOUND',
    { path: 'text' },
    ({ path }) => `The gateway has nothing at ${path}. The console is at /.`,
  ),
  GATEWAY_BUSY: entry(
    'RESOURCE_EXHAUSTED',
    { what: 'text' },
    ({ what }) => `The gateway works on ${what} and takes no more now. Try again in a moment.`,
    { retryAfterMilliseconds: 2_000 },
  ),
};
