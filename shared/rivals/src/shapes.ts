/** Shapes of a rival's parameters by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Returns the number of values of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Returns the number of values of all parameters. */
export function countParameters(shapes: Shapes): number {
  return [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
}
