import { entry } from './entry.js';

/** Errors of adapters, backbones and trainings. */
export const adapterErrors = {
  ADAPTER_NOT_FOUND: entry(
    'NOT_FOUND',
    { adapter: 'text' },
    ({ adapter }) => `Adapter ${adapter} does not exist. ListAdapters returns the adapters that do.`,
  ),
  ADAPTER_RETIRED: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text' },
    ({ adapter }) =>
      `Adapter ${adapter} is retired and takes no new work. Use another version, or bring this one back with RetireAdapter and undo.`,
  ),
  ADAPTER_EXISTS: entry(
    'ALREADY_EXISTS',
    { adapter: 'text', existing: 'text' },
    ({ adapter, existing }) => `The blob of ${adapter} is already registered as ${existing}.`,
  ),
  ADAPTER_INVALID: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `${file} is not a usable adapter: ${reason}. Export or train it again.`,
  ),
  ADAPTER_BACKBONE: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', wanted: 'text', serving: 'text' },
    ({ adapter, wanted, serving }) =>
      `Adapter ${adapter} belongs to backbone ${wanted}; this service runs ${serving}. Use a service that runs the backbone of the adapter, or train the adapter again.`,
  ),
  ADAPTER_WAVELENGTHS: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', pixels: 'text', found: 'text', wanted: 'text' },
    ({ adapter, pixels, found, wanted }) =>
      `${pixels} cannot be classified with adapter ${adapter}: they have ${found}; the adapter was trained on ${wanted}. Resample the pixels to the bands of the adapter, or train an adapter for their sensor.`,
  ),
  PEFT_EXPORT: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', reason: 'text', mend: 'text' },
    ({ adapter, reason, mend }) => `Adapter ${adapter} cannot be written for PEFT: ${reason}. ${mend}.`,
  ),
  PEFT_UNSUPPORTED: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text', mend: 'text' },
    ({ file, reason, mend }) => `${file} holds a PEFT adapter that cannot be read: ${reason}. ${mend}.`,
  ),
  ADAPTER_OUTDATED: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', backbone: 'text' },
    ({ adapter, backbone }) =>
      `Adapter ${adapter} names the weights of backbone ${backbone} but not its config, because an older release wrote it. Its heads, positions and pooling are unknown. Train it again on ${backbone}.`,
  ),
  ADAPTER_BACKBONE_UNKNOWN: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', wanted: 'text', available: 'text' },
    ({ adapter, wanted, available }) =>
      `Adapter ${adapter} belongs to backbone ${wanted}, which is not in the store. Available: ${available}. Import that backbone with the same heads, positions and pooling, or train the adapter again.`,
  ),
  BACKBONE_NOT_FOUND: entry(
    'NOT_FOUND',
    { backbone: 'text', available: 'text' },
    ({ backbone, available }) => `Backbone ${backbone} does not exist. Available: ${available}.`,
  ),
  BACKBONE_TOO_LARGE: entry(
    'FAILED_PRECONDITION',
    { backbone: 'text', bytes: 'number', limit: 'number' },
    ({ backbone, bytes, limit }) =>
      `Backbone ${backbone} takes ${bytes} bytes in memory; the limit for backbones that are not served is ${limit}. Raise HYPERSWAP_BACKBONE_BYTES, or start a process that serves it.`,
  ),
  BACKBONES_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { backbone: 'text', bytes: 'number', limit: 'number', retryAfterMilliseconds: 'number' },
    ({ backbone, bytes, limit, retryAfterMilliseconds }) =>
      `Backbone ${backbone} takes ${bytes} bytes in memory, and other calls use the ${limit} bytes for backbones that are not served. Try again in ${retryAfterMilliseconds} ms.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  BACKBONE_EXISTS: entry(
    'ALREADY_EXISTS',
    { backbone: 'text' },
    ({ backbone }) =>
      `Backbone ${backbone} exists with other weights or another config. It was not changed, because adapters belong to it. Choose another name.`,
  ),
  PATCHES_SHAPE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', found: 'text', wanted: 'text' },
    ({ file, found, wanted }) => `${file} has ${found}; the backbone takes float32 patches of ${wanted}.`,
    { field: 'patches' },
  ),
  BACKBONE_INVALID: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `${file} is not a usable backbone: ${reason}.`,
  ),
  METHOD_UNKNOWN: entry(
    'INVALID_ARGUMENT',
    { method: 'text', available: 'text' },
    ({ method, available }) => `Method ${method} does not exist. Available: ${available}.`,
    { field: 'method' },
  ),
  METHOD_SETTINGS: entry(
    'INVALID_ARGUMENT',
    { method: 'text', reason: 'text' },
    ({ method, reason }) => `The settings of ${method} cannot be used: ${reason}.`,
    { field: 'settings' },
  ),
  TRAINING_DIVERGED: entry(
    'ABORTED',
    { epoch: 'number', step: 'number', learningRate: 'number' },
    ({ epoch, step, learningRate }) =>
      `The loss became NaN or infinite in epoch ${epoch}, step ${step}. Lower the setting learningRate, which is ${learningRate}.`,
  ),

  SIGNATURE_INVALID: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', reason: 'text' },
    ({ adapter, reason }) =>
      `Adapter ${adapter} is refused, because this service accepts signed adapters only: ${reason}. Sign it with a key that the service trusts.`,
  ),
};
