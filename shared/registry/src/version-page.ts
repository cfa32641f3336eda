import { toHyperswapError, type HyperswapError } from '@hyperswap/errors';
import { describe, type AdapterRecord } from './adapter-record.js';
import type { AdapterState, VersionState } from './adapter-state.js';
import type { Manifest } from './manifest.js';

/** JSON of the manifests of one page: the page fits a message of 4 MiB. */
const pageBytes = 2 * 1024 * 1024;

/** Some versions, in the order of their names and numbers. */
export interface AdapterPage {
  readonly records: readonly AdapterRecord[];
  /** The last version of the page, in the form `name@7`; empty when there are no more. */
  readonly next: string;
  /**
   * Versions of the page, in the form `name@7`, whose manifests cannot be read, and names whose state cannot be read;
   * other entries are not affected.
   */
  readonly damaged: readonly { readonly name: string; readonly error: HyperswapError }[];
}

export interface NamedVersion {
  readonly name: string;
  readonly state: AdapterState;
  readonly version: VersionState;
}

/** A page of versions that is being filled, in their order. */
export class VersionPage {
  readonly records: AdapterRecord[] = [];
  readonly damaged: { readonly name: string; readonly error: HyperswapError }[] = [];
  /** True once a version did not fit. */
  isFull = false;
  private bytes = 0;

  /**
   * @param most versions on the page
   * @param last version that was looked at, in the form `name@7`; before the first, that of the page before
   */
  constructor(
    private readonly most: number,
    public last: string,
  ) {}

  /** Adds a version, with its manifest or the reason why there is none, if there is room for it. */
  add(
    { name, state, version }: NamedVersion,
    read: PromiseSettledResult<{ readonly manifest: Manifest; readonly bytes: number }>,
  ): void {
    const reference = `${name}@${version.version}`;
    if (read.status === 'rejected') {
      this.damaged.push({ name: reference, error: toHyperswapError(read.reason) });
    } else {
      const { manifest, bytes } = read.value;
      this.bytes += bytes;
      this.isFull = this.records.length === this.most || (this.bytes > pageBytes && this.records.length > 0);
      if (this.isFull) return;
      this.records.push(describe(name, state, version, manifest));
    }
    this.last = reference;
  }
}
