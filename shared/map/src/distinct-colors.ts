/**
 * Colours that people can tell apart: distances are those of CIE 1976 L*a*b* (ISO/CIE 11664-4), of sRGB colours under
 * D65.
 */

/** Strong colours for the first classes. */
const firstColors = [0x1f77b4, 0xff7f0e, 0x2ca02c, 0xd62728, 0x9467bd, 0x8c564b, 0xe377c2, 0xbcbd22, 0x17becf];
/** Lightness of chosen colours: neither black nor the white of paper. */
const [darkest, lightest] = [20, 92];
/** Values of each channel of the colours that are chosen from. */
const channelValues = 11;
/** Smallest distance of a strong colour to those that are used. */
const clearDistance = 20;

type Lab = readonly [number, number, number];

/** Returns lightness 0–100 and the two opponent channels of a colour. @param color as 0xRRGGBB */
export function toLab(color: number): Lab {
  const [red, green, blue] = [16, 8, 0].map((shift) => {
    const channel = ((color >> shift) & 0xff) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const root = (share: number): number => (share > 216 / 24389 ? Math.cbrt(share) : ((24389 / 27) * share + 16) / 116);
  const x = root((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047);
  const y = root(0.2126729 * red + 0.7151522 * green + 0.072175 * blue);
  const z = root((0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Returns the distance of two colours (ΔE of 1976); about 2 is the least that people see. */
export function colorDistance(first: Lab, second: Lab): number {
  return Math.hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]);
}

let candidates: readonly { readonly color: number; readonly lab: Lab }[] | undefined;

function allCandidates(): NonNullable<typeof candidates> {
  if (candidates !== undefined) return candidates;
  const channel = Array.from({ length: channelValues }, (_, step) => Math.round((step * 255) / (channelValues - 1)));
  candidates = channel
    .flatMap((red) => channel.flatMap((green) => channel.map((blue) => (red << 16) | (green << 8) | blue)))
    .map((color) => ({ color, lab: toLab(color) }))
    .filter(({ lab }) => lab[0] >= darkest && lab[0] <= lightest);
  return candidates;
}

/** Chooser of colours, each as far as can be from all before. */
export class DistinctColors {
  private readonly used: Lab[] = [];
  /** Distance of each candidate to the nearest colour that is used; made when it is needed. */
  private distances: Float64Array | undefined;

  /** @param given colours that are used already */
  constructor(given: readonly number[]) {
    for (const color of given) this.use(color);
  }

  /** Chooses a colour. @param index of the class, from 0: the first ones get well-known colours */
  choose(index: number): number {
    const first = firstColors[index];
    const isClear =
      first !== undefined && this.used.every((other) => colorDistance(other, toLab(first)) >= clearDistance);
    const color = isClear ? first : this.farthest();
    this.use(color);
    return color;
  }

  private use(color: number): void {
    const lab = toLab(color);
    this.used.push(lab);
    const { distances } = this;
    if (distances === undefined) return;
    for (const [place, candidate] of allCandidates().entries()) {
      distances[place] = Math.min(distances[place]!, colorDistance(lab, candidate.lab));
    }
  }

  private farthest(): number {
    const all = allCandidates();
    this.distances ??= Float64Array.from(all, ({ lab }) =>
      this.used.reduce((least, other) => Math.min(least, colorDistance(other, lab)), Infinity),
    );
    const { distances } = this;
    const best = distances.indexOf(distances.reduce((most, distance) => Math.max(most, distance), 0));
    return all[best]!.color;
  }
}
