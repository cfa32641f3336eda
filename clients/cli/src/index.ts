export { fetchFile, type FetchOptions } from './fetch-file.js';
export { fetchIndianPines, indianPinesClasses } from './datasets/indian-pines.js';
export { repairLineEndings } from './datasets/repair-indian-pines.js';
export { run } from './main.js';
export { FleetHistory } from './top/fleet-history.js';
export { quantile, type FleetLoad, type PodLoad } from './top/fleet-load.js';
export { linesOf, sortings } from './top/screen.js';
