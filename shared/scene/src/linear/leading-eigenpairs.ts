/**
 * Leading eigenpairs of a symmetric matrix, in float64, as LAPACK's `dsyevx` finds them: Householder reflections make
 * the matrix tridiagonal, bisection finds the largest eigenvalues, inverse iteration their eigenvectors, and the
 * reflections turn these back. The cost is 4/3 · size³ operations, whatever the number of eigenpairs.
 */

/** Eigenvalues, the largest first, and their eigenvectors. */
export interface Eigenpairs {
  /** `[count]` */
  readonly values: Float64Array;
  /** `[count, size]` row by row, orthonormal. */
  readonly vectors: Float64Array;
}

/** Symmetric tridiagonal matrix. */
interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Element i is beside diagonal elements i and i + 1; one element less than the diagonal. */
  readonly beside: Float64Array;
}

const epsilon = Number.EPSILON;
const inverseIterations = 4;

/**
 * Returns the largest eigenvalues of a symmetric matrix with their eigenvectors.
 *
 * @param matrix `[size, size]` row by row; the diagonal and what is below it are read, and overwritten
 * @param count of eigenpairs, at most `size`
 */
export function leadingEigenpairs(matrix: Float64Array, size: number, count: number): Eigenpairs {
  const { tridiagonal, factors } = tridiagonalize(matrix, size);
  const values = largestEigenvalues(tridiagonal, count);
  const vectors = new Float64Array(count * size);
  for (let i = 0; i < count; i++) {
    const vector = vectors.subarray(i * size, (i + 1) * size);
    iterate(tridiagonal, values[i]!, vector, vectors.subarray(0, i * size), i);
  }
  for (let i = 0; i < count; i++) reflectBack(matrix, factors, vectors.subarray(i * size, (i + 1) * size));
  return { values, vectors };
}

/** Makes a matrix tridiagonal. Reflection k is kept in column k below the diagonal, its factor in `factors`. */
function tridiagonalize(
  matrix: Float64Array,
  size: number,
): { readonly tridiagonal: Tridiagonal; readonly factors: Float64Array } {
  const diagonal = new Float64Array(size);
  const beside = new Float64Array(Math.max(0, size - 1));
  const factors = new Float64Array(Math.max(0, size - 2));
  const v = new Float64Array(size);
  const w = new Float64Array(size);
  for (let k = 0; k < size - 2; k++) {
    // x is column k below the diagonal; the reflection I − factor · v · vᵀ turns it into (alpha, 0, …, 0).
    let scale = 0;
    for (let i = k + 1; i < size; i++) scale = Math.max(scale, Math.abs(matrix[i * size + k]!));
    if (scale === 0) continue;
    let squares = 0;
    for (let i = k + 1; i < size; i++) {
      v[i] = matrix[i * size + k]! / scale;
      squares += v[i]! ** 2;
    }
    const first = v[k + 1]!;
    const alpha = first > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
    const factor = 1 / (squares - first * alpha);
    v[k + 1] = first - alpha;
    beside[k] = alpha * scale;
    factors[k] = factor;
    symmetricProduct(matrix, size, k + 1, v, w);
    let inner = 0;
    for (let i = k + 1; i < size; i++) {
      w[i]! *= factor;
      inner += w[i]! * v[i]!;
    }
    const half = (factor / 2) * inner;
    for (let i = k + 1; i < size; i++) w[i]! -= half * v[i]!;
    for (let i = k + 1; i < size; i++) {
      const row = i * size;
      const vi = v[i]!;
      const wi = w[i]!;
      for (let j = k + 1; j <= i; j++) matrix[row + j]! -= vi * w[j]! + wi * v[j]!;
      matrix[row + k] = vi;
    }
  }
  for (let i = 0; i < size; i++) diagonal[i] = matrix[i * size + i]!;
  if (size > 1) beside[size - 2] = matrix[(size - 1) * size + size - 2]!;
  return { tridiagonal: { diagonal, beside }, factors };
}

/** Writes the product of the lower right part of a symmetric matrix, from row and column `from` on, with v to w. */
function symmetricProduct(matrix: Float64Array, size: number, from: number, v: Float64Array, w: Float64Array): void {
  w.fill(0, from);
  for (let i = from; i < size; i++) {
    const row = i * size;
    const vi = v[i]!;
    let sum = matrix[row + i]! * vi;
    for (let j = from; j < i; j++) {
      const value = matrix[row + j]!;
      sum += value * v[j]!;
      w[j]! += value * vi;
    }
    w[i]! += sum;
  }
}

/** Turns an eigenvector of the tridiagonal matrix into one of the matrix that it was made of. */
function reflectBack(matrix: Float64Array, factors: Float64Array, vector: Float64Array): void {
  const size = vector.length;
  for (let k = factors.length - 1; k >= 0; k--) {
    if (factors[k] === 0) continue;
    let inner = 0;
    for (let i = k + 1; i < size; i++) inner += matrix[i * size + k]! * vector[i]!;
    inner *= factors[k]!;
    for (let i = k + 1; i < size; i++) vector[i]! -= inner * matrix[i * size + k]!;
  }
}

/** Returns the largest eigenvalues by bisection, the largest first, to the last bits of the matrix's norm. */
function largestEigenvalues({ diagonal, beside }: Tridiagonal, count: number): Float64Array {
  const size = diagonal.length;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < size; i++) {
    const radius = Math.abs(beside[i - 1] ?? 0) + Math.abs(beside[i] ?? 0);
    low = Math.min(low, diagonal[i]! - radius);
    high = Math.max(high, diagonal[i]! + radius);
  }
  const norm = Math.max(Math.abs(low), Math.abs(high));
  const squares = beside.map((value) => value * value);
  const smallest = epsilon * epsilon * norm || Number.MIN_VALUE;
  /** Counts the eigenvalues below a value: the negative pivots of an LDLᵀ factorization. */
  const below = (value: number): number => {
    let negative = 0;
    let pivot = 1;
    for (let i = 0; i < size; i++) {
      pivot = diagonal[i]! - value - (i === 0 ? 0 : squares[i - 1]! / pivot);
      if (Math.abs(pivot) < smallest) pivot = -smallest;
      if (pivot < 0) negative += 1;
    }
    return negative;
  };
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    // Largest value with fewer than size − i eigenvalues below it.
    let [from, to] = [low - epsilon * norm, i === 0 ? high + epsilon * norm : values[i - 1]! + epsilon * norm];
    for (;;) {
      const middle = from + (to - from) / 2;
      if (to - from <= epsilon * Math.max(Math.abs(from), Math.abs(to)) || middle === from || middle === to) break;
      if (below(middle) >= size - i) to = middle;
      else from = middle;
    }
    values[i] = from + (to - from) / 2;
  }
  return values;
}

/**
 * Finds an eigenvector of a tridiagonal matrix by inverse iteration.
 *
 * @param value eigenvalue
 * @param target receives the eigenvector
 * @param found eigenvectors that were found before, row by row: the new one is orthogonal to them
 * @param seed of the first guess
 */
function iterate(matrix: Tridiagonal, value: number, target: Float64Array, found: Float64Array, seed: number): void {
  const { diagonal, beside } = matrix;
  const size = diagonal.length;
  const norm = diagonal.reduce(
    (most, entry, i) => Math.max(most, Math.abs(entry) + Math.abs(beside[i] ?? 0) + Math.abs(beside[i - 1] ?? 0)),
    0,
  );
  const solve = shiftedSolver(diagonal, beside, value, epsilon * norm || 1);
  // Any start will do that is orthogonal to no eigenvector; this one is the same on all machines.
  let state = 12_345 + 7919 * seed;
  for (let i = 0; i < size; i++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    target[i] = state / 2_147_483_648 - 0.5;
  }
  orthonormalize(target, found);
  for (let iteration = 0; iteration < inverseIterations; iteration++) {
    solve(target);
    orthonormalize(target, found);
  }
}

/** Makes a vector orthogonal to orthonormal rows, and gives it unit length. */
export function orthonormalize(vector: Float64Array, rows: Float64Array): void {
  const size = vector.length;
  scaleToUnit(vector);
  // Twice is enough: what rounding leaves of the first pass goes with the second.
  for (let pass = 0; pass < 2; pass++) {
    for (let start = 0; start < rows.length; start += size) {
      let inner = 0;
      for (let i = 0; i < size; i++) inner += vector[i]! * rows[start + i]!;
      for (let i = 0; i < size; i++) vector[i]! -= inner * rows[start + i]!;
    }
    scaleToUnit(vector);
  }
}

function scaleToUnit(vector: Float64Array): void {
  const largest = vector.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  if (largest === 0) return;
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    vector[i]! /= largest;
    squares += vector[i]! ** 2;
  }
  const length = Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
}

/**
 * Factorizes T − value · I with partial pivoting, and returns what solves a system with it in place. Pivots of zero
 * become `tiny`.
 */
function shiftedSolver(
  diagonal: Float64Array,
  beside: Float64Array,
  value: number,
  tiny: number,
): (vector: Float64Array) => void {
  const size = diagonal.length;
  const pivots = diagonal.map((entry) => entry - value);
  const above = new Float64Array(size);
  above.set(beside);
  const further = new Float64Array(size);
  const multipliers = new Float64Array(size);
  const isSwapped = new Uint8Array(size);
  for (let i = 0; i < size - 1; i++) {
    const next = beside[i]!;
    if (Math.abs(pivots[i]!) >= Math.abs(next)) {
      if (pivots[i] === 0) pivots[i] = tiny;
      multipliers[i] = next / pivots[i]!;
      pivots[i + 1]! -= multipliers[i]! * above[i]!;
    } else {
      isSwapped[i] = 1;
      multipliers[i] = pivots[i]! / next;
      const [aboveHere, pivotNext, aboveNext] = [above[i]!, pivots[i + 1]!, above[i + 1]!];
      pivots[i] = next;
      above[i] = pivotNext;
      further[i] = i + 2 < size ? aboveNext : 0;
      pivots[i + 1] = aboveHere - multipliers[i]! * pivotNext;
      if (i + 2 < size) above[i + 1] = -multipliers[i]! * aboveNext;
    }
  }
  if (Math.abs(pivots[size - 1]!) < tiny) pivots[size - 1] = tiny;
  return (vector) => {
    for (let i = 0; i < size - 1; i++) {
      if (isSwapped[i] === 1) [vector[i], vector[i + 1]] = [vector[i + 1]!, vector[i]!];
      vector[i + 1]! -= multipliers[i]! * vector[i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      let rest = vector[i]!;
      if (i + 1 < size) rest -= above[i]! * vector[i + 1]!;
      if (i + 2 < size) rest -= further[i]! * vector[i + 2]!;
      const pivot = Math.abs(pivots[i]!) < tiny ? Math.sign(pivots[i]! || 1) * tiny : pivots[i]!;
      vector[i] = rest / pivot;
      // Keeps a nearly singular system from overflowing.
      if (Math.abs(vector[i]!) > 1e150) for (let j = 0; j < size; j++) vector[j]! *= 1e-150;
    }
  };
}
