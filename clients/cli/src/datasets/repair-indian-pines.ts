/**
 * The copy of Indian Pines in tensorly 0.9 and 0.10 is damaged: a line-ending conversion made every byte 0x0D a 0x0A,
 * so that values 3328 to 3583 read 768 too low. Each value that reads 2560 to 2815 is kept or raised by 768, whichever
 * is nearer to what neighbouring bands predict. (Low bytes suffered too, 3 counts each; those cannot be told apart and
 * stay.)
 */
import { Matrix, solve } from 'ml-matrix';

const damage = 768;
const lowest = 0x0a00;
const highest = 0x0aff;
/** Bands on each side that predict one. */
const reach = 3;
/** The second pass predicts from bands that the first has repaired. */
const passes = 2;

/**
 * @param values `[pixels, bands]`, row by row
 * @returns the repaired values, and how many were raised
 */
export function repairLineEndings(values: Uint16Array, bands: number): { values: Uint16Array; raised: number } {
  const pixels = values.length / bands;
  // Band after band, so that a band's values lie together. Doubtful values start half way.
  const current = new Float64Array(values.length);
  const doubtful: number[][] = [];
  for (let band = 0; band < bands; band++) {
    const places: number[] = [];
    for (let pixel = 0; pixel < pixels; pixel++) {
      const value = values[pixel * bands + band]!;
      const isDoubtful = value >= lowest && value <= highest;
      if (isDoubtful) places.push(pixel);
      current[band * pixels + pixel] = isDoubtful ? value + damage / 2 : value;
    }
    doubtful.push(places);
  }
  for (let pass = 0; pass < passes; pass++) {
    for (let band = 0; band < bands; band++) {
      const places = doubtful[band]!;
      if (places.length === 0) continue;
      const neighbours: number[] = [];
      for (let other = band - reach; other <= band + reach; other++) {
        if (other !== band && other >= 0 && other < bands) neighbours.push(other);
      }
      const predict = regression(current, pixels, band, neighbours, new Set(places));
      for (const pixel of places) {
        const value = values[pixel * bands + band]!;
        const prediction = predict(pixel);
        const isRaised = Math.abs(prediction - value - damage) < Math.abs(prediction - value);
        current[band * pixels + pixel] = isRaised ? value + damage : value;
      }
    }
  }
  const repaired = values.slice();
  let raised = 0;
  doubtful.forEach((places, band) => {
    for (const pixel of places) {
      const value = current[band * pixels + pixel]!;
      if (value !== values[pixel * bands + band]) raised += 1;
      repaired[pixel * bands + band] = value;
    }
  });
  return { values: repaired, raised };
}

/** Least squares of one band on others and a constant, over the pixels that are not in doubt. */
function regression(
  current: Float64Array,
  pixels: number,
  band: number,
  neighbours: readonly number[],
  inDoubt: ReadonlySet<number>,
): (pixel: number) => number {
  const terms = neighbours.length + 1;
  const row = new Float64Array(terms).fill(1);
  const fill = (pixel: number): void => {
    neighbours.forEach((neighbour, term) => (row[term] = current[neighbour * pixels + pixel]!));
  };
  const normal = Matrix.zeros(terms, terms);
  const right = Matrix.zeros(terms, 1);
  // When nearly all pixels are in doubt there is too little to learn from, and all are used.
  const learnsFromAll = pixels - inDoubt.size < 200;
  for (let pixel = 0; pixel < pixels; pixel++) {
    if (!learnsFromAll && inDoubt.has(pixel)) continue;
    fill(pixel);
    const target = current[band * pixels + pixel]!;
    for (let a = 0; a < terms; a++) {
      right.set(a, 0, right.get(a, 0) + row[a]! * target);
      for (let b = 0; b < terms; b++) normal.set(a, b, normal.get(a, b) + row[a]! * row[b]!);
    }
  }
  for (let a = 0; a < terms; a++) normal.set(a, a, normal.get(a, a) + 1e-3);
  const coefficients = solve(normal, right).to1DArray();
  return (pixel) => {
    fill(pixel);
    return coefficients.reduce((sum, coefficient, term) => sum + coefficient * row[term]!, 0);
  };
}
