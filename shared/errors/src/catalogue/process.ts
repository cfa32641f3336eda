import { entry, grpcStatusNames } from './entry.js';

/** Errors of the machine, the store, the bus, the engine and the process. */
export const processErrors = {
  STORE_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { key: 'text' },
    ({ key }) => `There is no space left to write ${key}, and nothing was changed. Free space in the store.`,
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
      'The object store refuses requests, because the clock of this machine differs from its own by more than 15 minutes. Set the clock.',
    { retryAfterMilliseconds: 60_000 },
  ),
  STORE_REFUSED: entry(
    'FAILED_PRECONDITION',
    { key: 'text', reason: 'text' },
    ({ key, reason }) =>
      `The object store refuses access to ${key === '' ? 'the bucket' : key}: ${reason}. Check the access key and its permissions.`,
  ),
  BUS_UNREACHABLE: entry(
    'UNAVAILABLE',
    { reason: 'text' },
    ({ reason }) => `The message bus does not answer: ${reason}. Check its address, and that it runs with JetStream.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  OBJECT_NOT_FOUND: entry('NOT_FOUND', { key: 'text' }, ({ key }) => `Object ${key} does not exist in the store.`),
  OBJECT_EXISTS: entry('ALREADY_EXISTS', { key: 'text' }, ({ key }) => `Object ${key} exists and was not changed.`),
  OBJECT_DAMAGED: entry(
    'DATA_LOSS',
    { key: 'text', reason: 'text' },
    ({ key, reason }) => `Object ${key} is damaged: ${reason}. Restore it from a copy, or make it again.`,
  ),
  REVISION_STALE: entry(
    'ABORTED',
    { key: 'text', expected: 'number' },
    ({ key, expected }) => `${key} changed after revision ${expected}. Read it again and repeat the change.`,
    { retryAfterMilliseconds: 100 },
  ),
  HOME_IN_USE: entry(
    'UNAVAILABLE',
    { folder: 'text', process: 'text' },
    ({ folder, process }) =>
      `Another process (${process}) uses the folder ${folder}. Stop that process, or choose another home folder.`,
  ),
  PORT_IN_USE: entry(
    'UNAVAILABLE',
    { address: 'text' },
    ({ address }) => `${address} is in use by another process. Stop that process, or choose another port.`,
  ),
  SERVICE_UNREACHABLE: entry(
    'UNAVAILABLE',
    { endpoint: 'text', reason: 'text' },
    ({ endpoint, reason }) => `No service answers at ${endpoint}: ${reason}.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  HOME_UNUSABLE: entry(
    'FAILED_PRECONDITION',
    { home: 'text', reason: 'text' },
    ({ home, reason }) =>
      `The home folder ${home} cannot be used: ${reason}. Choose a folder that this process may write to.`,
  ),
  SERVICE_UNKNOWN: entry(
    'NOT_FOUND',
    { service: 'text' },
    ({ service }) => `This process hosts no service ${service}: leave the name empty to ask for all that it hosts.`,
  ),
  NOT_SERVING: entry(
    'UNAVAILABLE',
    { service: 'text', endpoint: 'text' },
    ({ service, endpoint }) =>
      `${service} at ${endpoint} is not serving: it starts, drains, or waits for a dependency.`,
    { retryAfterMilliseconds: 2_000 },
  ),
  CONFIG_INVALID: entry(
    'INVALID_ARGUMENT',
    { key: 'text', value: 'text', allowed: 'text' },
    ({ key, value, allowed }) => `Setting ${key} is ${value}. Allowed: ${allowed}.`,
  ),
  ENGINE_MISSING: entry(
    'FAILED_PRECONDITION',
    { reason: 'text' },
    ({ reason }) => `The TensorFlow engine cannot be loaded: ${reason}.`,
  ),
  ENGINE_SETUP: entry(
    'FAILED_PRECONDITION',
    { reason: 'text', mend: 'text' },
    ({ reason, mend }) => `The TensorFlow engine cannot be set up: ${reason}. ${mend}`,
  ),
  ENGINE_STOPPED: entry('UNAVAILABLE', { reason: 'text' }, ({ reason }) => `The executor thread stopped: ${reason}.`, {
    retryAfterMilliseconds: 5_000,
  }),
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
      `${what} has the sha-256 ${found} instead of ${wanted} and was not used. Delete it and fetch it again.`,
  ),
  DATASET_UNKNOWN: entry(
    'NOT_FOUND',
    { dataset: 'text', available: 'text' },
    ({ dataset, available }) => `Dataset ${dataset} does not exist. Available: ${available}.`,
  ),
  DRAINING: entry(
    'UNAVAILABLE',
    {},
    () => 'This process is shutting down and takes no new work. Call another process.',
    {
      retryAfterMilliseconds: 1_000,
    },
  ),
  CANCELLED: entry('CANCELLED', { what: 'text' }, ({ what }) => `${what} was cancelled.`),
  DEADLINE: entry(
    'DEADLINE_EXCEEDED',
    { what: 'text' },
    ({ what }) => `${what} did not finish before its deadline. Allow more time, or send less at once.`,
    { retryAfterMilliseconds: 1_000 },
  ),
  INTERNAL: entry(
    'INTERNAL',
    { reason: 'text' },
    ({ reason }) => `An internal error occurred: ${reason}. Report it with the log of the service.`,
  ),
  SERVICE_ERROR: entry(
    ({ status }) => grpcStatusNames.find((name) => name === status) ?? 'UNKNOWN',
    { code: 'text', status: 'text', message: 'text', retryAfterMilliseconds: 'number' },
    ({ code, message }) => `${message} (${code})`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
};
