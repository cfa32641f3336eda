export { fetchFile, type FetchOptions } from './fetch-file.js';
export { fetchIndianPines, indianPinesClasses, splitNumbering } from './datasets/indian-pines.js';
export { repairLineEndings } from './datasets/repair-indian-pines.js';
export { run } from './main.js';
