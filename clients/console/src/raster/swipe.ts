import type Layer from 'ol/layer/Layer.js';
import type RenderEvent from 'ol/render/Event.js';

/**
 * Shows a layer only to the right of a place of the map, with a line between.
 *
 * @param shareOf that place, from 0 at the left to 1 at the right
 */
export function showRightOf(layer: Layer, shareOf: () => number): void {
  layer.on('prerender', (event: RenderEvent) => {
    const context = event.context as CanvasRenderingContext2D;
    const left = context.canvas.width * shareOf();
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(left, 0, context.canvas.width - left, context.canvas.height);
    context.clip();
  });
  layer.on('postrender', (event: RenderEvent) => {
    const context = event.context as CanvasRenderingContext2D;
    const left = context.canvas.width * shareOf();
    for (const [color, width] of [
      ['#000000', 4],
      ['#ffffff', 2],
    ] as const) {
      context.fillStyle = color;
      context.fillRect(left, 0, width * devicePixelRatio, context.canvas.height);
    }
    context.restore();
  });
}
