import { entry } from './entry.js';

/** Errors of adapters, backbones and trainings. */
export const adapterErrors = {
  ADAPTER_NOT_FOUND: entry(
    'NOT_FOUND',
    { adapter: 'text' },
    ({ adapter }) => `There is no adapter ${adapter}. "hyperswap adapters list" names those there are.`,
  ),
  ADAPTER_RETIRED: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text' },
    ({ adapter }) =>
      `Adapter ${adapter} is retired and takes no new work. Name another version, or bring it back with "hyperswap adapters retire --undo".`,
  ),
  ADAPTER_EXISTS: entry(
    'ALREADY_EXISTS',
    { adapter: 'text', existing: 'text' },
    ({ adapter, existing }) => `The same blob is registered already: ${adapter} is ${existing}.`,
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
      `Adapter ${adapter} belongs to backbone ${wanted}, but this process serves ${serving}: start it with that backbone (--backbone), or train the adapter again.`,
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
      `Adapter ${adapter} names the weights of backbone ${backbone} only, as releases did whose digest left the config out: nobody knows which heads, positions and pooling it was trained with. Train it again on ${backbone}, or import that backbone with the config it had and train it there.`,
  ),
  ADAPTER_BACKBONE_UNKNOWN: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', wanted: 'text', available: 'text' },
    ({ adapter, wanted, available }) =>
      `Adapter ${adapter} belongs to backbone ${wanted}, which the store does not hold; it holds ${available}: import that backbone first, with the same heads, positions and pooling, or train the adapter again.`,
  ),
  BACKBONE_NOT_FOUND: entry(
    'NOT_FOUND',
    { backbone: 'text', available: 'text' },
    ({ backbone, available }) => `There is no backbone ${backbone}; there are ${available}.`,
  ),
  BACKBONE_EXISTS: entry(
    'ALREADY_EXISTS',
    { backbone: 'text' },
    ({ backbone }) =>
      `There is a backbone ${backbone} already with other weights or another config; it was left as it is, since adapters belong to it. Choose another name.`,
  ),
  PATCHES_SHAPE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', found: 'text', wanted: 'text' },
    ({ file, found, wanted }) => `${file} holds ${found}, but the backbone takes patches of ${wanted} in float32.`,
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
    ({ method, available }) => `There is no method ${method}; there are ${available}.`,
    { field: 'method' },
  ),
  METHOD_SETTINGS: entry(
    'INVALID_ARGUMENT',
    { method: 'text', reason: 'text' },
    ({ method, reason }) => `Settings of ${method} cannot be used: ${reason}.`,
    { field: 'settings' },
  ),
  TRAINING_DIVERGED: entry(
    'ABORTED',
    { epoch: 'number', step: 'number', learningRate: 'number' },
    ({ epoch, step, learningRate }) =>
      `The loss became NaN or infinite in epoch ${epoch}, step ${step}: lower the learning rate (${learningRate}) with --set learningRate=….`,
  ),

  SIGNATURE_INVALID: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', reason: 'text' },
    ({ adapter, reason }) =>
      `Adapter ${adapter} is not used, since only signed ones are trusted here: ${reason}. Register it with a key that HYPERSWAP_TRUSTED_KEYS holds.`,
  ),
};
