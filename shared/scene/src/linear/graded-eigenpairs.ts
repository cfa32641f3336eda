import type { Eigenpairs } from './leading-eigenpairs.js';

/** Sweeps over all pairs after which an iteration that does not settle ends; it takes 3 to 8. */
const maximumSweeps = 30;

/**
 * Returns all eigenpairs of a positive semidefinite matrix by Jacobi's rotations. Where the matrix is graded, large at
 * one end of its diagonal and small at the other, also the small eigenvalues and their eigenvectors are accurate,
 * relative to themselves (Demmel and Veselić 1992): other methods are accurate relative to the largest eigenvalue.
 *
 * @param matrix `[size, size]` row by row, symmetric; overwritten
 */
export function gradedEigenpairs(matrix: Float64Array, size: number): Eigenpairs {
  const rotated = new Float64Array(size * size);
  for (let i = 0; i < size; i++) rotated[i * size + i] = 1;
  const tolerance = Number.EPSILON * Math.sqrt(size);
  for (let sweep = 0; sweep < maximumSweeps; sweep++) {
    let rotations = 0;
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        const [a, b, off] = [matrix[p * size + p]!, matrix[q * size + q]!, matrix[p * size + q]!];
        if (a <= 0 || b <= 0 || Math.abs(off) <= tolerance * Math.sqrt(a) * Math.sqrt(b)) continue;
        rotations += 1;
        const ratio = (b - a) / (2 * off);
        const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
        rotate(matrix, size, p, q, tangent);
        rotateRows(rotated, size, p, q, tangent);
      }
    }
    if (rotations === 0) break;
  }
  const order = Array.from({ length: size }, (_, i) => i).sort(
    (i, j) => matrix[j * size + j]! - matrix[i * size + i]! || i - j,
  );
  const values = new Float64Array(size);
  const vectors = new Float64Array(size * size);
  order.forEach((row, place) => {
    values[place] = matrix[row * size + row]!;
    vectors.set(rotated.subarray(row * size, (row + 1) * size), place * size);
  });
  return { values, vectors };
}

/** Applies the rotation of rows and columns p and q that makes their common element zero. */
function rotate(matrix: Float64Array, size: number, p: number, q: number, tangent: number): void {
  const off = matrix[p * size + q]!;
  const a = matrix[p * size + p]!;
  const b = matrix[q * size + q]!;
  rotateRows(matrix, size, p, q, tangent);
  // Columns are rows mirrored, but for the four elements where they cross.
  for (let i = 0; i < size; i++) {
    matrix[i * size + p] = matrix[p * size + i]!;
    matrix[i * size + q] = matrix[q * size + i]!;
  }
  matrix[p * size + p] = a - tangent * off;
  matrix[q * size + q] = b + tangent * off;
  matrix[p * size + q] = 0;
  matrix[q * size + p] = 0;
}

function rotateRows(matrix: Float64Array, size: number, p: number, q: number, tangent: number): void {
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  for (let i = 0; i < size; i++) {
    const [x, y] = [matrix[p * size + i]!, matrix[q * size + i]!];
    matrix[p * size + i] = cosine * x - sine * y;
    matrix[q * size + i] = sine * x + cosine * y;
  }
}
