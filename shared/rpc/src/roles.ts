/** Roles of tokens. Each role may do everything that the roles before it may. */
export const roles = ['reader', 'trainer', 'operator'] as const;

/**
 * `reader` reads and classifies, `trainer` also adds scenes, trainings and adapters, `operator` also changes shared
 * resources.
 */
export type Role = (typeof roles)[number];

/** Returns true if one of the roles held is enough. Unknown roles allow nothing. */
export function allows(held: readonly string[], needed: Role): boolean {
  return roles.slice(roles.indexOf(needed)).some((role) => held.includes(role));
}
