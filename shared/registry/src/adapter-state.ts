/** The small shared state of a name: which versions there are, and what is said of them. */
import type { AdapterReference } from './reference.js';

export interface VersionState {
  readonly version: number;
  /** sha-256 of the blob. */
  readonly digest: string;
  readonly retired: boolean;
}

/** The shared state of one name. */
export interface AdapterState {
  readonly versions: readonly VersionState[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, number>>;
  /** What pods keep ready: `@7` a version, `:stable` whatever the alias means, an empty text the newest. */
  readonly pins?: readonly string[];
  /** Highest version that ever was: the number of one that was cleared away is not given again. */
  readonly highest?: number;
}

/** The version that a reference means in a state of its name. */
export function meantBy(state: AdapterState, { version, alias }: AdapterReference): VersionState | undefined {
  if (alias === undefined && version === undefined) {
    return state.versions.findLast(({ retired }) => !retired) ?? state.versions.at(-1);
  }
  const wanted = alias === undefined ? version : state.aliases[alias];
  return state.versions.find((candidate) => candidate.version === wanted);
}

/** The number that the next version of a name gets. */
export function nextVersion(state: AdapterState | undefined): number {
  return Math.max(state?.highest ?? 0, state?.versions.at(-1)?.version ?? 0) + 1;
}
