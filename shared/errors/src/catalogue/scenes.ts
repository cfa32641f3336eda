import { entry } from './entry.js';

/** Errors of files, scenes and labels. */
export const sceneErrors = {
  FILE_UNREADABLE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `Cannot read ${file}: ${reason}. Check that the path exists and may be read.`,
  ),
  FILE_UNWRITABLE: entry(
    'INVALID_ARGUMENT',
    { file: 'text', reason: 'text' },
    ({ file, reason }) => `Cannot write ${file}: ${reason}. Choose another folder, or make room for it.`,
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
      `${file} holds no usable variable ${wanted}; it holds ${found}. Name one with --variable.`,
  ),
  AXES_AMBIGUOUS: entry(
    'INVALID_ARGUMENT',
    { file: 'text', shape: 'text', bandsLast: 'text', bandsFirst: 'text' },
    ({ file, shape, bandsLast, bandsFirst }) =>
      `${file} of ${shape} can be ${bandsFirst} or ${bandsLast}: say which with --bands-first or --bands-last.`,
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
      `${scene} has ${bands} bands, but the backbone takes ${components} components: give a scene of at least ${components} bands.`,
  ),
  PIXELS_NOT_FINITE: entry(
    'INVALID_ARGUMENT',
    { scene: 'text', count: 'number', row: 'number', column: 'number' },
    ({ scene, count, row, column }) =>
      `${scene} has ${count} pixels with NaN or infinite values, the first at row ${row}, column ${column}: replace them or cut them away before preparing the scene.`,
  ),
  PIXELS_OVERFLOW: entry(
    'INVALID_ARGUMENT',
    { scene: 'text' },
    ({ scene }) =>
      `${scene} has pixel values so large that its statistics are not finite: mark them as nodata, or replace them, before preparing the scene.`,
  ),
  LABELS_SHAPE: entry(
    'INVALID_ARGUMENT',
    { labels: 'text', found: 'text', wanted: 'text' },
    ({ labels, found, wanted }) =>
      `Labels ${labels} are ${found}, the scene is ${wanted}: both must have the same height and width.`,
    { field: 'labels' },
  ),
  LABELS_VALUES: entry(
    'INVALID_ARGUMENT',
    { labels: 'text', reason: 'text' },
    ({ labels, reason }) =>
      `Labels ${labels} cannot be used: ${reason}. Labels are whole numbers, 0 for unlabelled and 1 to 255 for the classes.`,
    { field: 'labels' },
  ),
  CRS_UNKNOWN: entry(
    'INVALID_ARGUMENT',
    { file: 'text', crs: 'text' },
    ({ file, crs }) =>
      `${file} cannot be placed: the reference system ${crs} is not known. Transform the file to the scene's reference system, or to longitude and latitude.`,
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
      `The training pixels of ${scene} hold ${classes === 0 ? 'no class' : 'one class'}: label pixels of at least two classes.`,
  ),
  SPLIT_INVALID: entry(
    'INVALID_ARGUMENT',
    { reason: 'text' },
    ({ reason }) => `The split of training and test pixels cannot be made: ${reason}.`,
    { field: 'split' },
  ),
  SCENE_NOT_FOUND: entry(
    'NOT_FOUND',
    { scene: 'text' },
    ({ scene }) => `There is no scene ${scene}. "hyperswap scenes list" names those there are.`,
  ),
  SCENE_CHANGED: entry(
    'FAILED_PRECONDITION',
    { scene: 'text' },
    ({ scene }) =>
      `Scene ${scene} was replaced or deleted while this work used it: start the work again, with an adapter that fits the new scene.`,
  ),
  SCENE_EXISTS: entry(
    'ALREADY_EXISTS',
    { scene: 'text' },
    ({ scene }) =>
      `Scene ${scene} exists already with other content; it was left as it is. Choose another name, or delete it first with "hyperswap scenes delete ${scene}".`,
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
      `A request of ${method} is not a message of the method's type: ${reason}. Generate the client from the protos of the service again.`,
  ),
  FIELD_INVALID: entry(
    'INVALID_ARGUMENT',
    { field: 'text', reason: 'text' },
    ({ field, reason }) => `${field}: ${reason}.`,
    { field: ({ field }) => field },
  ),
};
