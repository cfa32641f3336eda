import path from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Returns a file that `tests/parity/write_fixtures.py` wrote. */
export function fixture(name: string): string {
  return path.join(repository, 'tests', 'parity', 'fixtures', name);
}

/** Returns a file of the real scenes next to the project; tests that need one skip if it is absent. */
export function sharedData(name: string): string {
  return path.join(repository, '..', 'shared', 'data', name);
}

/** An array in a fixture. */
export interface StoredValues {
  readonly shape: number[];
  readonly values: number[];
}

export { repository };

/** A raster that `tests/parity/write_raster_fixtures.py` wrote. */
export function rasterFixture(name: string): string {
  return path.join(repository, 'tests', 'fixtures', 'rasters', name);
}

/** A file with traits that users' files have, which `tests/parity/make_cases.py` wrote. */
export function caseFile(name: string): string {
  return path.join(repository, 'tests', 'fixtures', 'cases', name);
}

/** A label file that `tests/parity/write_label_fixtures.py` wrote. */
export function labelFixture(name: string): string {
  return path.join(repository, 'tests', 'fixtures', 'labels', name);
}
