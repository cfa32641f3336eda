import { entry } from './entry.js';

/** Errors of files, scenes and labels. */
export const sceneErrors = {
  FILE_UNREADABLE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `${file} cannot be read: ${reason}. Check that it exists and that this process may read it.`,
  ),
  FILE_UNWRITABLE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `${file} cannot be written: ${reason}. Choose another folder, or free space.`,
  ),
  FILE_FORMAT: entry(
    'INVALID_ARGUMENT',
    { file: 'text', expected: 'text', reason: 'text' },
    ({ file, expected, reason }) => `${file} is not a readable ${expected} file: ${reason}.`,
  ),
  VARIABLE_MISSING: entry(
    'INVALID_ARGUMENT',
    { file: 'text', wanted: 'text', found: 'text' },
    ({ file, wanted, found }) =>
      `${file} has no usable variable ${wanted}; it has ${found}. Choose the variable to read.`,
  ),
  AXES_AMBIGUOUS: entry(
    'INVALID_ARGUMENT',
    { file: 'text', shape: 'text', bandsLast: 'text', bandsFirst: 'text' },
    ({ file, shape, bandsLast, bandsFirst }) =>
      `${file} of ${shape} can be ${bandsFirst} or ${bandsLast}. Choose one of the two.`,
  ),
  SCENE_SHAPE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `${file} is not a scene of height × width × bands: ${reason}.`,
  ),
  TOO_FEW_BANDS: entry(
    'INVALID_ARGUMENT',
    { scene: 'text', bands: 'number', components: 'number' },
    ({ scene, bands, components }) =>
      `${scene} has ${bands} bands; the network takes ${components} components. Use a scene of at least ${components} bands.`,
  ),
  PIXELS_NOT_FINITE: entry(
    'INVALID_ARGUMENT',
    { scene: 'text', count: 'number', row: 'number', column: 'number' },
    ({ scene, count, row, column }) =>
      `${scene} has ${count} pixels with NaN or infinite values, the first at row ${row}, column ${column}. Mark them as nodata, or replace them.`,
  ),
  NO_VALID_PIXELS: entry(
    'INVALID_ARGUMENT',
    { scene: 'text', pixels: 'number' },
    ({ scene, pixels }) =>
      `None of the ${pixels} pixels of ${scene} holds data: all are nodata, NaN, infinite or too large. Check the nodata value, and the bands that are marked as good.`,
  ),
  PIXELS_OVERFLOW: entry(
    'INVALID_ARGUMENT',
    { scene: 'text' },
    ({ scene }) =>
      `${scene} has pixel values so large that its statistics are not finite. Mark them as nodata, or replace them.`,
  ),
  LABELS_SHAPE: entry(
    'INVALID_ARGUMENT',
    { labels: 'text', found: 'text', wanted: 'text' },
    ({ labels, found, wanted }) =>
      `Labels ${labels} have the size ${found}; the scene has ${wanted}. Height and width of both must be equal.`,
    { field: 'labels' },
  ),
  LABELS_VALUES: entry(
    'INVALID_ARGUMENT',
    { labels: 'text', reason: 'text' },
    ({ labels, reason }) =>
      `Labels ${labels} cannot be used: ${reason}. A label is a whole number: 0 for a pixel without a class, else 1 to 255.`,
    { field: 'labels' },
  ),
  CRS_UNKNOWN: entry(
    'INVALID_ARGUMENT',
    { file: 'text', crs: 'text' },
    ({ file, crs }) =>
      `${file} cannot be georeferenced: the reference system ${crs} is not known. Transform the file to the scene's reference system, or to longitude and latitude.`,
  ),
  MAP_NOT_PLACED: entry('FAILED_PRECONDITION', { scene: 'text', crs: 'text' }, ({ scene, crs }) =>
    crs === ''
      ? `The map of ${scene} has no georeference, which polygons need. Prepare the scene from a georeferenced file.`
      : `The map of ${scene} cannot be written in longitude and latitude: its reference system ${crs} is not known. Prepare the scene in a system with an EPSG code, or ask for gpkg or shp.`,
  ),
  CLASSES_INVALID: entry(
    'INVALID_ARGUMENT',
    { reason: 'text' },
    ({ reason }) => `The classes cannot be used: ${reason}.`,
    { field: 'classes' },
  ),
  TOO_FEW_CLASSES: entry(
    'INVALID_ARGUMENT',
    { scene: 'text', classes: 'number' },
    ({ scene, classes }) =>
      `The training pixels of ${scene} have ${classes === 0 ? 'no class' : 'one class only'}. Label pixels of at least two classes.`,
  ),
  SPLIT_INVALID: entry(
    'INVALID_ARGUMENT',
    { reason: 'text' },
    ({ reason }) => `The split into training and test pixels cannot be made: ${reason}.`,
    { field: 'split' },
  ),
  SCENE_NOT_FOUND: entry(
    'NOT_FOUND',
    { scene: 'text' },
    ({ scene }) => `Scene ${scene} does not exist. ListScenes returns the scenes that do.`,
  ),
  UPLOAD_NOT_FOUND: entry(
    'NOT_FOUND',
    { job: 'text' },
    ({ job }) =>
      `Upload ${job} does not exist: it was never started, it was cancelled, or it was interrupted so long ago that it was deleted. Prepare the scene again from its first row.`,
    { field: 'resume_job' },
  ),
  SCENE_SOURCE_REFUSED: entry(
    'PERMISSION_DENIED',
    { source: 'text', reason: 'text' },
    ({ source, reason }) =>
      `The scene at ${source} is not read: ${reason}. The services read store:KEY, the object uploads/KEY of their store, and URLs that begin as the operator allows in HYPERSWAP_SCENE_URLS.`,
    { field: 'header.source' },
  ),
  SCENE_SOURCE_UNREADABLE: entry(
    'FAILED_PRECONDITION',
    { source: 'text', reason: 'text' },
    ({ source, reason }) =>
      `The scene at ${source} cannot be read: ${reason}. The file must exist and stay unchanged, and its server must answer range requests.`,
    { field: 'header.source' },
  ),
  SCENE_SOURCE_UNREACHABLE: entry(
    'UNAVAILABLE',
    { source: 'text', reason: 'text', retryAfterMilliseconds: 'number' },
    ({ source, reason, retryAfterMilliseconds }) =>
      `The scene at ${source} cannot be reached now: ${reason}. Rows that were read are kept: continue the preparation, or begin it again, in ${retryAfterMilliseconds} ms.`,
    { field: 'header.source', retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  SCENE_SOURCES_BUSY: entry(
    'RESOURCE_EXHAUSTED',
    { limit: 'number', retryAfterMilliseconds: 'number' },
    ({ limit, retryAfterMilliseconds }) =>
      `This process reads ${limit} scenes from the store or from URLs, which is the limit. Try again in ${retryAfterMilliseconds} ms, or upload the pixels of the file from the client.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  UPLOADS_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { limit: 'number', retryAfterMilliseconds: 'number' },
    ({ limit, retryAfterMilliseconds }) =>
      `${limit} preparations of scenes receive or read pixels, which is the limit. Try again in ${retryAfterMilliseconds} ms, cancel one that was interrupted, or raise HYPERSWAP_UPLOAD_LIMIT.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  SCENE_CHANGED: entry(
    'FAILED_PRECONDITION',
    { scene: 'text' },
    ({ scene }) =>
      `Scene ${scene} was replaced or deleted while this work used it. Start the work again, with an adapter that fits the new scene.`,
  ),
  LABELS_CHANGED: entry(
    'ABORTED',
    { scene: 'text' },
    ({ scene }) =>
      `Somebody else saved labels of scene ${scene} meanwhile, and nothing was saved now. Read the scene again, and save on what it is then.`,
  ),
  SCENE_EXISTS: entry(
    'ALREADY_EXISTS',
    { scene: 'text' },
    ({ scene }) =>
      `Scene ${scene} exists with other content and was not changed. Choose another name, or prepare it with RETENTION_REPLACE.`,
  ),
  NAME_INVALID: entry(
    'INVALID_ARGUMENT',
    { field: 'text', name: 'text', allowed: 'text' },
    ({ field, name, allowed }) => `${field} "${name}" is not valid: ${allowed}.`,
    { field: ({ field }) => field },
  ),
  MESSAGE_INVALID: entry(
    'INVALID_ARGUMENT',
    { method: 'text', reason: 'text' },
    ({ method, reason }) =>
      `A request of ${method} cannot be decoded: ${reason}. Use a client that is generated from the protos of this service.`,
  ),
  FIELD_INVALID: entry(
    'INVALID_ARGUMENT',
    { field: 'text', reason: 'text' },
    ({ field, reason }) => `${field}: ${reason}.`,
    { field: ({ field }) => field },
  ),
};
