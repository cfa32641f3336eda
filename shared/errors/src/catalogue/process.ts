import { entry, grpcStatusNames } from './entry.js';

/** Errors of the machine, the store, the bus, the engine and the process. */
export const processErrors = {
  STORE_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { key: 'text' },
    ({ key }) =>
      `No space is left where ${key} was to be written; nothing was changed. Free space, or choose another place with HYPERSWAP_HOME or S3_BUCKET.`,
    { retryAfterMilliseconds: 60_000 },
  ),
  STORE_UNREACHABLE: entry(
    'UNAVAILABLE',
    { reason: 'text' },
    ({ reason }) => `The object store does not answer: ${reason}.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  // A retry can reach another machine, whose clock is right.
  STORE_CLOCK: entry(
    'UNAVAILABLE',
    {},
    () =>
      'The object store refuses requests of this machine, whose clock differs from its own by more than 15 minutes: set the clock.',
    { retryAfterMilliseconds: 60_000 },
  ),
  STORE_REFUSED: entry(
    'FAILED_PRECONDITION',
    { key: 'text', reason: 'text' },
    ({ key, reason }) =>
      `The object store refuses ${key === '' ? 'the bucket' : key} (${reason}): check S3_ACCESS_KEY, S3_SECRET_KEY and what they may do.`,
  ),
  BUS_UNREACHABLE: entry(
    'UNAVAILABLE',
    { reason: 'text' },
    ({ reason }) =>
      `The message bus does not answer: ${reason}. Check NATS_URL, and that the server runs with JetStream.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  OBJECT_NOT_FOUND: entry('NOT_FOUND', { key: 'text' }, ({ key }) => `There is no object ${key} in the store.`),
  OBJECT_EXISTS: entry(
    'ALREADY_EXISTS',
    { key: 'text' },
    ({ key }) => `Object ${key} exists already; it was left as it is.`,
  ),
  OBJECT_DAMAGED: entry(
    'DATA_LOSS',
    { key: 'text', reason: 'text' },
    ({ key, reason }) => `Object ${key} is damaged: ${reason}. Restore it from a copy, or make it again.`,
  ),
  REVISION_STALE: entry(
    'ABORTED',
    { key: 'text', expected: 'number' },
    ({ key, expected }) => `${key} changed since revision ${expected}: read it again and repeat the change.`,
    { retryAfterMilliseconds: 100 },
  ),
  HOME_IN_USE: entry(
    'UNAVAILABLE',
    { folder: 'text', process: 'text' },
    ({ folder, process }) =>
      `Another process (${process}) keeps its work in ${folder}: stop that one, or choose another folder with HYPERSWAP_HOME.`,
  ),
  PORT_IN_USE: entry(
    'UNAVAILABLE',
    { address: 'text' },
    ({ address }) => `${address} is in use by another process: stop that one, or choose another port with --port.`,
  ),
  SERVICE_UNREACHABLE: entry(
    'UNAVAILABLE',
    { endpoint: 'text', reason: 'text' },
    ({ endpoint, reason }) =>
      `No service answers at ${endpoint} (${reason}): start one with "hyperswap up", or leave --endpoint out.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  HOME_UNUSABLE: entry(
    'FAILED_PRECONDITION',
    { home: 'text', reason: 'text' },
    ({ home, reason }) =>
      `HYPERSWAP_HOME is ${home}, which cannot be used: ${reason}. Name a folder that this process may write to.`,
  ),
  SERVICE_UNKNOWN: entry(
    'NOT_FOUND',
    { service: 'text' },
    ({ service }) => `This process hosts no service ${service}: leave the name empty to ask for all that it hosts.`,
  ),
  CONFIG_INVALID: entry(
    'INVALID_ARGUMENT',
    { key: 'text', value: 'text', allowed: 'text' },
    ({ key, value, allowed }) => `Configuration ${key} is ${value}; allowed: ${allowed}.`,
  ),
  ENGINE_MISSING: entry(
    'FAILED_PRECONDITION',
    { reason: 'text' },
    ({ reason }) => `The TensorFlow engine cannot be loaded: ${reason}. Run "make setup".`,
  ),
  ENGINE_SETUP: entry(
    'FAILED_PRECONDITION',
    { reason: 'text', mend: 'text' },
    ({ reason, mend }) => `The TensorFlow engine cannot be set up: ${reason}. ${mend}`,
  ),
  ENGINE_STOPPED: entry(
    'UNAVAILABLE',
    { reason: 'text' },
    ({ reason }) => `The executor thread has stopped: ${reason}.`,
    { retryAfterMilliseconds: 5_000 },
  ),
  DOWNLOAD_FAILED: entry(
    'UNAVAILABLE',
    { what: 'text', reason: 'text', mend: 'text' },
    ({ what, reason, mend }) => `${what} could not be downloaded: ${reason}. ${mend}`,
    { retryAfterMilliseconds: 10_000 },
  ),
  HASH_MISMATCH: entry(
    'DATA_LOSS',
    { what: 'text', found: 'text', wanted: 'text' },
    ({ what, found, wanted }) =>
      `${what} has sha-256 ${found}, expected ${wanted}: it was not used. Delete it and fetch it again.`,
  ),
  DATASET_UNKNOWN: entry(
    'NOT_FOUND',
    { dataset: 'text', available: 'text' },
    ({ dataset, available }) => `There is no dataset ${dataset}; there are ${available}.`,
  ),
  DRAINING: entry('UNAVAILABLE', {}, () => 'This process is shutting down and takes no new work: try another one.', {
    retryAfterMilliseconds: 1_000,
  }),
  CANCELLED: entry('CANCELLED', { what: 'text' }, ({ what }) => `${what} was cancelled.`),
  DEADLINE: entry(
    'DEADLINE_EXCEEDED',
    { what: 'text' },
    ({ what }) => `${what} did not finish before its deadline: allow more time, or send less at once.`,
    { retryAfterMilliseconds: 1_000 },
  ),
  INTERNAL: entry(
    'INTERNAL',
    { reason: 'text' },
    ({ reason }) => `Something went wrong inside hyperswap: ${reason}. Please report it with the log.`,
  ),
  SERVICE_ERROR: entry(
    ({ status }) => grpcStatusNames.find((name) => name === status) ?? 'UNKNOWN',
    { code: 'text', status: 'text', message: 'text', retryAfterMilliseconds: 'number' },
    ({ code, message }) => `${message} (${code})`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
};
