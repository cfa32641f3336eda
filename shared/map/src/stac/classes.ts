import type { MapClass } from '@hyperswap/raster';

/**
 * Returns classes as STAC's classification extension describes them: 1.1.0 asks for a description, 2.0.0 for a name of
 * few characters.
 */
export function stacClasses(classes: readonly MapClass[]): object[] {
  const used = new Set<string>();
  return classes.map(({ value, name, color }, index) => {
    const base = name.replaceAll(/[^0-9A-Za-z_-]+/g, '_');
    const short = base === '' || used.has(base) ? `${base}_${index + 1}` : base;
    used.add(short);
    return {
      value,
      name: short,
      title: name,
      description: name,
      color_hint: color.toString(16).padStart(6, '0').toUpperCase(),
    };
  });
}
