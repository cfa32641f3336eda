/** Training and test pixels of a split, drawn on the scene, with their distances. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { percent } from '../parts/words.js';
import { pixelColor } from '../raster/colors.js';
import { paint, pictureLayer } from '../raster/layers.js';
import { createPixelMap } from '../raster/pixel-map.js';
import type { Quicklook } from '../scenes/quicklook.js';
import { distancesTo } from './distances.js';

/** Pixels of a split, as row · width + column. */
export interface SplitPixels {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly words: string;
  readonly patchSize: number;
}

const colors = { train: 0xffd400, near: 0xd62728, far: 0x2b83ff };

export function SplitPreview({
  scene,
  quicklook,
  split,
}: {
  readonly scene: Scene;
  readonly quicklook: Quicklook;
  readonly split: SplitPixels;
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const { height, width } = scene.raster!;
  const { train, test, words, patchSize } = split;
  const half = Math.floor(patchSize / 2);
  const distances = distancesTo(train, { height, width });
  const sorted = test.map((pixel) => distances[pixel]!).sort((a, b) => a - b);
  const near = sorted.filter((distance) => distance <= half).length;
  useEffect(() => {
    const { window } = quicklook;
    const values = new Uint8Array(window.height * window.width);
    const place = (pixel: number, value: number): void => {
      const [row, column] = [Math.floor(pixel / width) - window.row, (pixel % width) - window.column];
      if (row >= 0 && row < window.height && column >= 0 && column < window.width)
        values[row * window.width + column] = value;
    };
    for (const pixel of test) place(pixel, distances[pixel]! <= half ? 2 : 3);
    for (const pixel of train) place(pixel, 1);
    const palette = Uint32Array.of(0, pixelColor(colors.train), pixelColor(colors.near), pixelColor(colors.far));
    const layers = [
      pictureLayer(quicklook.picture, { height, width }, window),
      pictureLayer(paint(values, window, palette), { height, width }, window),
    ];
    const map = createPixelMap(element.current!, { height, width }, layers);
    return () => map.setTarget(undefined);
  }, [split, quicklook]);
  const swatch = (color: number): JSX.Element => (
    <span class="swatch" style={{ background: `#${color.toString(16).padStart(6, '0')}` }} aria-hidden="true" />
  );
  return (
    <>
      <div
        ref={element}
        class="map"
        role="group"
        aria-label={`Split of ${scene.name}: ${train.length} training pixels, ${test.length} test pixels`}
      />
      <p>
        {words}: {swatch(colors.train)} {train.length} training pixels, {swatch(colors.near)} {near} and{' '}
        {swatch(colors.far)} {test.length - near} test pixels.
      </p>
      {test.length > 0 && (
        <p>
          Distance of a test pixel to the nearest training pixel: median {sorted[sorted.length >> 1]}, largest{' '}
          {sorted.at(-1)} pixels. The patches of {percent(near / test.length)} of the test pixels (red) hold a training
          pixel, so that their accuracy is higher than on new land. A split by blocks avoids this.
        </p>
      )}
    </>
  );
}
