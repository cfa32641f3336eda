import { Random } from '@hyperswap/random';

export interface SimulatedScene {
  readonly height: number;
  readonly width: number;
  /** `[height · width, components]`, row by row. */
  readonly scores: Float32Array;
}

/**
 * Simulated scene for pretraining: convex fields of a few materials with mixed borders, slow gradients of illumination
 * and moisture inside a field, row texture as of crops, and sensor noise. Later components carry less of the materials
 * and more of the noise, as PCA scores do.
 */
export function simulateScene(height: number, width: number, components: number, seed: number): SimulatedScene {
  const random = new Random(seed);
  const materialCount = 4 + random.integer(10);
  const strength = Array.from({ length: components }, (_, c) => 1 / (1 + 0.35 * c));
  const materials = Array.from({ length: materialCount }, () =>
    Float32Array.from(strength, (scale) => scale * random.normal()),
  );
  const variability = Array.from({ length: materialCount }, () => 0.1 + 0.4 * random.uniform());
  const fieldCount = 8 + random.integer(60);
  const fields = Array.from({ length: fieldCount }, () => ({
    row: random.uniform() * height,
    column: random.uniform() * width,
    // Fields stretch along one axis or the other, as parcels and roads do.
    aspect: 2 ** random.normal(),
    material: random.integer(materialCount),
    direction: random.uniform() * Math.PI,
    period: 2 + 6 * random.uniform(),
    rowTexture: random.uniform() < 0.5 ? 0 : 0.3 * random.uniform(),
  }));
  const slow = Array.from({ length: 3 }, () => smoothField(height, width, 8 + random.integer(24), random));
  const slowDirection = slow.map(() => Float32Array.from(strength, (scale) => scale * random.normal()));
  const noise = 0.05 + 0.25 * random.uniform();
  const softness = 0.5 + 2 * random.uniform();

  const scores = new Float32Array(height * width * components);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const distances = fields.map((field) =>
        Math.hypot((row - field.row) * field.aspect, (column - field.column) / field.aspect),
      );
      const nearest = distances.indexOf(Math.min(...distances));
      distances[nearest]! += softness;
      const second = distances.indexOf(Math.min(...distances));
      const share = 1 / (1 + Math.exp((distances[nearest]! - softness - distances[second]!) / (0.3 * softness)));
      const field = fields[nearest]!;
      const along = row * Math.cos(field.direction) + column * Math.sin(field.direction);
      const furrow = field.rowTexture * Math.sin((2 * Math.PI * along) / field.period);
      const pixel = row * width + column;
      for (let c = 0; c < components; c++) {
        const own = materials[field.material]![c]!;
        const other = materials[fields[second]!.material]![c]!;
        let value = share * own + (1 - share) * other + furrow * own;
        slow.forEach((surface, s) => {
          value += variability[field.material]! * surface[pixel]! * slowDirection[s]![c]!;
        });
        scores[pixel * components + c] = value + noise * random.normal();
      }
    }
  }
  return { height, width, scores };
}

/** Noise on a coarse grid, interpolated bilinearly; about unit deviation. */
function smoothField(height: number, width: number, spacing: number, random: Random): Float32Array {
  const rows = Math.ceil(height / spacing) + 2;
  const columns = Math.ceil(width / spacing) + 2;
  const grid = random.normals(rows * columns, 1);
  return Float32Array.from({ length: height * width }, (_, pixel) => {
    const y = Math.floor(pixel / width) / spacing;
    const x = (pixel % width) / spacing;
    const top = Math.floor(y);
    const left = Math.floor(x);
    const at = (r: number, c: number): number => grid[r * columns + c]!;
    const upper = at(top, left) * (1 - x + left) + at(top, left + 1) * (x - left);
    const lower = at(top + 1, left) * (1 - x + left) + at(top + 1, left + 1) * (x - left);
    return upper * (1 - y + top) + lower * (y - top);
  });
}
