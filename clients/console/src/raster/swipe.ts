import type Layer from 'ol/layer/Layer.js';
import type RenderEvent from 'ol/render/Event.js';

/**
 * Shows a layer only to the right of a place of the map.
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
    (event.context as CanvasRenderingContext2D).restore();
  });
}
