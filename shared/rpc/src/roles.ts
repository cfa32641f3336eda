/** What tokens allow. Each role may do what those before it may. */
export const roles = ['reader', 'trainer', 'operator'] as const;

/** `reader` looks and classifies, `trainer` also adds scenes, trainings and adapters, `operator` also changes what others use. */
export type Role = (typeof roles)[number];

/** Whether any of the roles held is enough. Unknown ones allow nothing. */
export function allows(held: readonly string[], needed: Role): boolean {
  return roles.slice(roles.indexOf(needed)).some((role) => held.includes(role));
}
