import type { Position } from './feature.js';

interface Edge {
  /** First row whose centre the edge crosses, and the one after the last. */
  readonly firstRow: number;
  readonly endRow: number;
  readonly x: number;
  readonly y: number;
  readonly slope: number;
}

/**
 * Tells the pixels whose centre is inside a polygon, by the even–odd rule along each row, as GDAL does: of centres on
 * an edge, those on an upper or right one count as inside. Takes time for each edge, crossing and pixel once.
 *
 * @param rings of columns and rows with fractions, holes among them
 * @param fill is called with the first pixel of a run and the one after its last
 * @returns pixels inside
 */
export function fillPolygon(
  rings: readonly (readonly Position[])[],
  { height, width }: { readonly height: number; readonly width: number },
  fill: (first: number, end: number) => void,
): number {
  const edges: Edge[] = [];
  for (const ring of rings) {
    ring.forEach((from, i) => {
      const to = ring[(i + 1) % ring.length]!;
      const [[x1, y1], [x2, y2]] = from[1] < to[1] ? [from, to] : [to, from];
      // Centres in [y1, y2).
      const firstRow = Math.max(0, Math.ceil(y1 - 0.5));
      const endRow = Math.min(height, Math.ceil(y2 - 0.5));
      if (firstRow < endRow) edges.push({ firstRow, endRow, x: x1, y: y1, slope: (x2 - x1) / (y2 - y1) });
    });
  }
  edges.sort((one, other) => one.firstRow - other.firstRow);
  let count = 0;
  let next = 0;
  let active: Edge[] = [];
  for (let row = edges[0]?.firstRow ?? height; row < height && (active.length > 0 || next < edges.length); row++) {
    active = active.filter(({ endRow }) => endRow > row);
    for (; next < edges.length && edges[next]!.firstRow === row; next++) active.push(edges[next]!);
    const crossings = Float64Array.from(active, ({ x, y, slope }) => x + (row + 0.5 - y) * slope).sort();
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const first = Math.max(0, Math.floor(crossings[pair]! + 0.5));
      const end = Math.min(width, Math.floor(crossings[pair + 1]! + 0.5));
      if (first >= end) continue;
      fill(row * width + first, row * width + end);
      count += end - first;
    }
  }
  return count;
}
