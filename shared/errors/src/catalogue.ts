/**
 * Every error a user can meet, in one place: a stable code, the gRPC status it travels as, whether trying again can help,
 * and a sentence that names the file, field or limit and what would mend it.
 */

/** The gRPC statuses in use, by name. */
export type GrpcStatusName =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED';

interface CatalogueEntry<Details> {
  readonly status: GrpcStatusName;
  readonly retryable: boolean;
  readonly sentence: (details: Details) => string;
}

function entry<Details>(
  status: GrpcStatusName,
  sentence: (details: Details) => string,
  retryable = false,
): CatalogueEntry<Details> {
  return { status, retryable, sentence };
}

export const catalogue = {
  // Files and scenes
  FILE_UNREADABLE: entry<{ file: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, reason }) => `Cannot read ${file}: ${reason}. Check that the path exists and may be read.`,
  ),
  FILE_UNWRITABLE: entry<{ file: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, reason }) => `Cannot write ${file}: ${reason}. Choose another folder, or make room for it.`,
  ),
  FILE_FORMAT: entry<{ file: string; expected: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, expected, reason }) => `${file} is not a readable ${expected} file: ${reason}.`,
  ),
  VARIABLE_MISSING: entry<{ file: string; wanted: string; found: string }>(
    'INVALID_ARGUMENT',
    ({ file, wanted, found }) =>
      `${file} holds no usable variable ${wanted}; it holds ${found}. Name one with --variable.`,
  ),
  SCENE_SHAPE: entry<{ file: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, reason }) => `${file} is not a scene of height × width × bands: ${reason}.`,
  ),
  TOO_FEW_BANDS: entry<{ scene: string; bands: number; components: number }>(
    'INVALID_ARGUMENT',
    ({ scene, bands, components }) =>
      `${scene} has ${bands} bands, but the backbone takes ${components} components: give a scene of at least ${components} bands.`,
  ),
  PIXELS_NOT_FINITE: entry<{ scene: string; count: number; row: number; column: number }>(
    'INVALID_ARGUMENT',
    ({ scene, count, row, column }) =>
      `${scene} has ${count} pixels with NaN or infinite values, the first at row ${row}, column ${column}: replace them or cut them away before preparing the scene.`,
  ),
  LABELS_SHAPE: entry<{ labels: string; found: string; wanted: string }>(
    'INVALID_ARGUMENT',
    ({ labels, found, wanted }) =>
      `Labels ${labels} are ${found}, the scene is ${wanted}: both must have the same height and width.`,
  ),
  LABELS_VALUES: entry<{ labels: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ labels, reason }) =>
      `Labels ${labels} cannot be used: ${reason}. Labels are whole numbers, 0 for unlabelled and 1 to 255 for the classes.`,
  ),
  TOO_FEW_CLASSES: entry<{ scene: string; classes: number }>(
    'INVALID_ARGUMENT',
    ({ scene, classes }) =>
      `The training pixels of ${scene} hold ${classes === 0 ? 'no class' : 'one class'}: label pixels of at least two classes.`,
  ),
  SPLIT_INVALID: entry<{ reason: string }>(
    'INVALID_ARGUMENT',
    ({ reason }) => `The split of training and test pixels cannot be made: ${reason}.`,
  ),
  SCENE_NOT_FOUND: entry<{ scene: string }>(
    'NOT_FOUND',
    ({ scene }) => `There is no scene ${scene}. "hyperswap scenes list" names those there are.`,
  ),
  SCENE_EXISTS: entry<{ scene: string }>(
    'ALREADY_EXISTS',
    ({ scene }) =>
      `Scene ${scene} exists already with other content; it was left as it is. Choose another name, or delete it first with "hyperswap scenes delete ${scene}".`,
  ),
  NAME_INVALID: entry<{ field: string; name: string }>(
    'INVALID_ARGUMENT',
    ({ field, name }) =>
      `${field} ${JSON.stringify(name)} is not a valid name: use 1 to 64 of a–z, 0–9, "-", "_" and ".", beginning with a letter or digit.`,
  ),
  FIELD_INVALID: entry<{ field: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ field, reason }) => `${field}: ${reason}.`,
  ),

  // Tiles
  TILE_BYTES: entry<{ tile: string; found: number; wanted: number; shape: string }>(
    'INVALID_ARGUMENT',
    ({ tile, found, wanted, shape }) =>
      `Tile ${tile} carries ${found} bytes, but ${shape} needs ${wanted}: send the window and its halo, row by row, bands last, little-endian.`,
  ),
  TILE_HALO: entry<{ tile: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ tile, reason }) => `Tile ${tile}: ${reason}.`,
  ),
  TILE_SIZE: entry<{
    tile: string;
    height: number;
    width: number;
    halo: number;
    limits: { side: number; halo: number };
  }>(
    'INVALID_ARGUMENT',
    ({ tile, height, width, halo, limits }) =>
      `Tile ${tile} is of ${height} × ${width} pixels with a halo of ${halo}; allowed are ${limits.side} × ${limits.side} and ${limits.halo}: cut the scene into smaller tiles.`,
  ),
  TILE_BANDS: entry<{ tile: string; adapter: string; found: number; wanted: number }>(
    'INVALID_ARGUMENT',
    ({ tile, adapter, found, wanted }) =>
      `Tile ${tile} has ${found} bands, but adapter ${adapter} was trained on ${wanted}: send the scene it belongs to, or train an adapter for this one.`,
  ),
  TILE_PIXELS_NOT_FINITE: entry<{ tile: string; row: number; column: number }>(
    'INVALID_ARGUMENT',
    ({ tile, row, column }) =>
      `Tile ${tile} holds NaN or infinite values, the first at row ${row}, column ${column} of its pixels: fill them before sending.`,
  ),
  PCA_MISMATCH: entry<{ adapter: string; scene: string }>(
    'FAILED_PRECONDITION',
    ({ adapter, scene }) =>
      `Adapter ${adapter} was trained on another PCA than prepared scene ${scene} holds: classify the raw scene file, or train an adapter on this scene.`,
  ),
  QUEUE_FULL: entry<{ waiting: number; limit: number; retryAfterMilliseconds: number }>(
    'RESOURCE_EXHAUSTED',
    ({ waiting, limit, retryAfterMilliseconds }) =>
      `${waiting} patches wait already and the queue takes ${limit}: try again in ${retryAfterMilliseconds} ms, or add a pod.`,
    true,
  ),

  // Adapters and backbones
  ADAPTER_NOT_FOUND: entry<{ adapter: string }>(
    'NOT_FOUND',
    ({ adapter }) => `There is no adapter ${adapter}. "hyperswap adapters list" names those there are.`,
  ),
  ADAPTER_RETIRED: entry<{ adapter: string }>(
    'FAILED_PRECONDITION',
    ({ adapter }) =>
      `Adapter ${adapter} is retired and takes no new work. Name another version, or bring it back with "hyperswap adapters retire --undo".`,
  ),
  ADAPTER_EXISTS: entry<{ adapter: string; existing: string }>(
    'ALREADY_EXISTS',
    ({ adapter, existing }) => `The same blob is registered already: ${adapter} is ${existing}.`,
  ),
  ADAPTER_INVALID: entry<{ file: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, reason }) => `${file} is not a usable adapter: ${reason}. Export or train it again.`,
  ),
  ADAPTER_BACKBONE: entry<{ adapter: string; wanted: string; serving: string }>(
    'FAILED_PRECONDITION',
    ({ adapter, wanted, serving }) =>
      `Adapter ${adapter} belongs to backbone ${wanted}, but this process serves ${serving}: start it with that backbone (--backbone), or train the adapter again.`,
  ),
  BACKBONE_NOT_FOUND: entry<{ backbone: string; available: string }>(
    'NOT_FOUND',
    ({ backbone, available }) => `There is no backbone ${backbone}; there are ${available}.`,
  ),
  BACKBONE_EXISTS: entry<{ backbone: string }>(
    'ALREADY_EXISTS',
    ({ backbone }) =>
      `There is a backbone ${backbone} already with other weights; it was left as it is, since adapters belong to it. Choose another name.`,
  ),
  PATCHES_SHAPE: entry<{ file: string; found: string; wanted: string }>(
    'INVALID_ARGUMENT',
    ({ file, found, wanted }) => `${file} holds ${found}, but the backbone takes patches of ${wanted} in float32.`,
  ),
  BACKBONE_INVALID: entry<{ file: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ file, reason }) => `${file} is not a usable backbone: ${reason}.`,
  ),
  METHOD_UNKNOWN: entry<{ method: string; available: string }>(
    'INVALID_ARGUMENT',
    ({ method, available }) => `There is no method ${method}; there are ${available}.`,
  ),
  METHOD_SETTINGS: entry<{ method: string; reason: string }>(
    'INVALID_ARGUMENT',
    ({ method, reason }) => `Settings of ${method} cannot be used: ${reason}.`,
  ),
  TRAINING_NOT_FOUND: entry<{ training: string }>(
    'NOT_FOUND',
    ({ training }) => `There is no training ${training} in this process.`,
  ),
  TRAINING_DIVERGED: entry<{ epoch: number; step: number; learningRate: number }>(
    'ABORTED',
    ({ epoch, step, learningRate }) =>
      `The loss became NaN or infinite in epoch ${epoch}, step ${step}: lower the learning rate (${learningRate}) with --set learningRate=….`,
  ),
  JOB_NOT_FOUND: entry<{ job: string }>('NOT_FOUND', ({ job }) => `There is no scene job ${job}.`),

  SIGNATURE_INVALID: entry<{ adapter: string; reason: string }>(
    'FAILED_PRECONDITION',
    ({ adapter, reason }) =>
      `Adapter ${adapter} is not used, since only signed ones are trusted here: ${reason}. Register it with a key that HYPERSWAP_TRUSTED_KEYS holds.`,
  ),

  // Who may do what
  TOKEN_MISSING: entry<{ method: string }>(
    'UNAUTHENTICATED',
    ({ method }) => `${method} needs a token: name its file with --token-file or HYPERSWAP_TOKEN_FILE.`,
  ),
  TOKEN_INVALID: entry<{ reason: string }>(
    'UNAUTHENTICATED',
    ({ reason }) => `The token is not accepted: ${reason}. Ask whoever runs these services for a new one.`,
  ),
  ROLE_MISSING: entry<{ method: string; role: string; held: string }>(
    'PERMISSION_DENIED',
    ({ method, role, held }) => `${method} needs the role ${role}; the token holds ${held}.`,
  ),
  CONFIG_INSECURE: entry<{ key: string; value: string; mend: string }>(
    'FAILED_PRECONDITION',
    ({ key, value, mend }) =>
      `Configuration ${key} is ${value}, which others can reach or listen to: ${mend}, or say that the network is trusted with --insecure (HYPERSWAP_INSECURE=true).`,
  ),

  // The machine and the process
  STORE_FULL: entry<{ key: string }>(
    'RESOURCE_EXHAUSTED',
    ({ key }) =>
      `No space is left where ${key} was to be written; nothing was changed. Free space, or choose another place with HYPERSWAP_HOME or S3_BUCKET.`,
    true,
  ),
  STORE_UNREACHABLE: entry<{ reason: string }>(
    'UNAVAILABLE',
    ({ reason }) => `The object store does not answer: ${reason}.`,
    true,
  ),
  // Another machine may do better.
  STORE_CLOCK: entry<Record<string, never>>(
    'UNAVAILABLE',
    () =>
      'The object store refuses requests of this machine, whose clock differs from its own by more than 15 minutes: set the clock.',
    true,
  ),
  STORE_REFUSED: entry<{ key: string; reason: string }>(
    'FAILED_PRECONDITION',
    ({ key, reason }) =>
      `The object store refuses ${key === '' ? 'the bucket' : key} (${reason}): check S3_ACCESS_KEY, S3_SECRET_KEY and what they may do.`,
  ),
  BUS_UNREACHABLE: entry<{ reason: string }>(
    'UNAVAILABLE',
    ({ reason }) =>
      `The message bus does not answer: ${reason}. Check NATS_URL, and that the server runs with JetStream.`,
    true,
  ),
  OBJECT_NOT_FOUND: entry<{ key: string }>('NOT_FOUND', ({ key }) => `There is no object ${key} in the store.`),
  OBJECT_EXISTS: entry<{ key: string }>(
    'ALREADY_EXISTS',
    ({ key }) => `Object ${key} exists already; it was left as it is.`,
  ),
  OBJECT_DAMAGED: entry<{ key: string; reason: string }>(
    'DATA_LOSS',
    ({ key, reason }) => `Object ${key} is damaged: ${reason}. Restore it from a copy, or make it again.`,
  ),
  REVISION_STALE: entry<{ key: string; expected: number }>(
    'ABORTED',
    ({ key, expected }) => `${key} changed since revision ${expected}: read it again and repeat the change.`,
    true,
  ),
  PORT_IN_USE: entry<{ address: string }>(
    'UNAVAILABLE',
    ({ address }) => `${address} is in use by another process: stop that one, or choose another port with --port.`,
  ),
  SERVICE_UNREACHABLE: entry<{ endpoint: string; reason: string }>(
    'UNAVAILABLE',
    ({ endpoint, reason }) =>
      `No service answers at ${endpoint} (${reason}): start one with "hyperswap up", or leave --endpoint out.`,
    true,
  ),
  CONFIG_INVALID: entry<{ key: string; value: string; allowed: string }>(
    'INVALID_ARGUMENT',
    ({ key, value, allowed }) => `Configuration ${key} is ${value}; allowed: ${allowed}.`,
  ),
  ENGINE_MISSING: entry<{ reason: string }>(
    'FAILED_PRECONDITION',
    ({ reason }) => `The TensorFlow engine cannot be loaded: ${reason}. Run "make setup".`,
  ),
  ENGINE_SETUP: entry<{ reason: string; mend: string }>(
    'FAILED_PRECONDITION',
    ({ reason, mend }) => `The TensorFlow engine cannot be set up: ${reason}. ${mend}`,
  ),
  ENGINE_STOPPED: entry<{ reason: string }>(
    'UNAVAILABLE',
    ({ reason }) => `The executor thread has stopped: ${reason}.`,
    true,
  ),
  DOWNLOAD_FAILED: entry<{ what: string; reason: string; mend: string }>(
    'UNAVAILABLE',
    ({ what, reason, mend }) => `${what} could not be downloaded: ${reason}. ${mend}`,
    true,
  ),
  HASH_MISMATCH: entry<{ what: string; found: string; wanted: string }>(
    'DATA_LOSS',
    ({ what, found, wanted }) =>
      `${what} has sha-256 ${found}, expected ${wanted}: it was not used. Delete it and fetch it again.`,
  ),
  DATASET_UNKNOWN: entry<{ dataset: string; available: string }>(
    'NOT_FOUND',
    ({ dataset, available }) => `There is no dataset ${dataset}; there are ${available}.`,
  ),
  DRAINING: entry<Record<string, never>>(
    'UNAVAILABLE',
    () => 'This process is shutting down and takes no new work: try another one.',
    true,
  ),
  CANCELLED: entry<{ what: string }>('CANCELLED', ({ what }) => `${what} was cancelled.`),
  DEADLINE: entry<{ what: string }>(
    'DEADLINE_EXCEEDED',
    ({ what }) => `${what} did not finish before its deadline: allow more time, or send less at once.`,
    true,
  ),
  INTERNAL: entry<{ reason: string }>(
    'INTERNAL',
    ({ reason }) => `Something went wrong inside hyperswap: ${reason}. Please report it with the log.`,
  ),
} as const;

export type ErrorCode = keyof typeof catalogue;

/** What the sentence of an error names. */
export type ErrorDetails<Code extends ErrorCode> = Parameters<(typeof catalogue)[Code]['sentence']>[0];
