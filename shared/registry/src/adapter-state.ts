/** Shared state of a name: its versions, aliases and pins. */
import { z } from 'zod';
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
  /**
   * Pins, which pods keep bound: `@7` a version, `:stable` the version of the alias, an empty text the newest version.
   */
  readonly pins?: readonly string[];
  /** Highest version that was ever used. The numbers of deleted versions are not used again. */
  readonly highest?: number;
}

const version = z.number().int().positive();
/** Required fields; a later release may add more. */
const stateSchema = z.object({
  versions: z.array(z.object({ version, digest: z.string(), retired: z.boolean() })),
  aliases: z.record(z.string(), version),
  pins: z.array(z.string()).optional(),
  highest: version.optional(),
});

/**
 * Returns stored JSON as the state of a name, with all that a later release added.
 *
 * @throws an error that names the field which is wrong
 */
export function readAdapterState(stored: unknown): AdapterState {
  const { error } = stateSchema.safeParse(stored);
  if (error !== undefined) throw new Error(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)[0]);
  return stored as AdapterState;
}

/** The version that a reference means in a state of its name. */
export function meantBy(state: AdapterState, { version, alias }: AdapterReference): VersionState | undefined {
  if (alias === undefined && version === undefined) {
    return state.versions.findLast(({ retired }) => !retired) ?? state.versions.at(-1);
  }
  const wanted = alias === undefined ? version : state.aliases[alias];
  return state.versions.find((candidate) => candidate.version === wanted);
}

/** Returns the number of the next version of a name. */
export function nextVersion(state: AdapterState | undefined): number {
  return Math.max(state?.highest ?? 0, state?.versions.at(-1)?.version ?? 0) + 1;
}
