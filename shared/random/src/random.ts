/**
 * Seeded random numbers for initialisation, shuffling and augmentation: the same on every machine for a seed.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  private spare: number | undefined;

  constructor(seed: number) {
    let state = seed | 0;
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    };
    this.a = splitmix();
    this.b = splitmix();
    this.c = splitmix();
    for (let i = 0; i < 12; i++) this.uniform();
  }

  /** State of the sequence, for `restore`. */
  state(): number[] {
    return [this.a, this.b, this.c, this.counter, ...(this.spare === undefined ? [] : [this.spare])];
  }

  /** Goes on where another left off. @param state of `state` */
  restore([a, b, c, counter, spare]: readonly number[]): void {
    this.a = a!;
    this.b = b!;
    this.c = c!;
    this.counter = counter!;
    this.spare = spare;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  }

  /** A whole number in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal, by Box and Muller's method. */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `count` normal numbers of mean 0. */
  normals(count: number, deviation: number): Float32Array {
    return Float32Array.from({ length: count }, () => deviation * this.normal());
  }

  /** `count` uniform numbers in [-limit, limit). */
  uniforms(count: number, limit: number): Float32Array {
    return Float32Array.from({ length: count }, () => limit * (2 * this.uniform() - 1));
  }

  /** Shuffles in place, by Fisher and Yates' method. */
  shuffle<T extends { length: number; [index: number]: number }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swapped = values[i]!;
      values[i] = values[j]!;
      values[j] = swapped;
    }
    return values;
  }
}
