import { meantBy, type AdapterState, type VersionState } from './adapter-state.js';
import type { Manifest } from './manifest.js';
import { parseReference } from './reference.js';

/** Version with its description. */
export interface AdapterRecord extends Manifest {
  readonly name: string;
  readonly version: number;
  readonly aliases: readonly string[];
  /** Pins that mean this version now. */
  readonly pins: readonly string[];
  readonly retired: boolean;
}

/** Returns a version with its description. */
export function describe(
  name: string,
  state: AdapterState,
  { version, retired }: VersionState,
  manifest: Manifest,
): AdapterRecord {
  const aliases = Object.keys(state.aliases).filter((alias) => state.aliases[alias] === version);
  const pins = (state.pins ?? []).filter((pin) => meantBy(state, parseReference(`${name}${pin}`))?.version === version);
  return { ...manifest, name, version, retired, aliases, pins };
}
