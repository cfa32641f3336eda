/**
 * Pixels of one class that touch each other by their sides, found by union-find (Tarjan 1975). Takes 4 bytes a pixel.
 */
export class Components {
  /** First pixel of each pixel's component; of a first pixel the negative number of its pixels. */
  private readonly parents: Int32Array;

  /** @param labels `[height, width]`; 0 for pixels of no class */
  constructor(labels: Uint8Array, width: number) {
    this.parents = new Int32Array(labels.length).fill(-1);
    for (let pixel = 0; pixel < labels.length; pixel++) {
      if (pixel % width > 0 && labels[pixel - 1] === labels[pixel]) this.unite(pixel - 1, pixel);
      if (pixel >= width && labels[pixel - width] === labels[pixel]) this.unite(pixel - width, pixel);
    }
    for (let pixel = 0; pixel < labels.length; pixel++) {
      if (this.parents[pixel]! >= 0) this.parents[pixel] = this.find(pixel);
    }
  }

  /** Returns the first pixel, in reading order, of a pixel's component. */
  firstOf(pixel: number): number {
    const parent = this.parents[pixel]!;
    return parent < 0 ? pixel : parent;
  }

  /** Returns the number of pixels of a component. @param first pixel of it */
  sizeOf(first: number): number {
    return -this.parents[first]!;
  }

  private find(pixel: number): number {
    const { parents } = this;
    let current = pixel;
    while (parents[current]! >= 0) {
      const parent = parents[current]!;
      if (parents[parent]! >= 0) parents[current] = parents[parent]!;
      current = parent;
    }
    return current;
  }

  private unite(first: number, second: number): void {
    const [one, other] = [this.find(first), this.find(second)];
    if (one === other) return;
    const [low, high] = one < other ? [one, other] : [other, one];
    this.parents[low]! += this.parents[high]!;
    this.parents[high] = low;
  }
}
