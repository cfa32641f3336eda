import type { MapClass } from './map-class.js';
import { escapeXml } from './xml.js';

/**
 * Returns a style of QGIS, which QGIS takes by itself when it lies beside a raster of the same name: a palette with a
 * label for each class.
 */
export function qmlStyle(classes: readonly MapClass[]): string {
  const entries = classes.map(
    ({ value, name, color }) =>
      `        <paletteEntry value="${value}" color="#${hex(color)}" alpha="255" label="${escapeXml(name)}"/>`,
  );
  return `<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology" hasScaleBasedVisibilityFlag="0">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
      <rasterTransparency/>
      <colorPalette>
${entries.join('\n')}
      </colorPalette>
    </rasterrenderer>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
`;
}

function hex(color: number): string {
  return color.toString(16).padStart(6, '0');
}
