import { escapeHtml } from './escape-html.js';
import { renderMetrics } from './metrics-html.js';
import { renderPage } from './page.js';
import type { ReportPictures } from './report-html.js';
import { percent, type Report } from './report.js';

/** Content of a map's report. */
export interface MapReport {
  readonly scene: string;
  readonly adapter: string;
  readonly classes: readonly MapReportClass[];
  /** All pixels, those without data included. */
  readonly pixels: number;
  /** Agreement with the scene's labels; undefined without any. */
  readonly metrics: Report['metrics'] | undefined;
  readonly facts: Readonly<Record<string, string>>;
}

export interface MapReportClass {
  readonly name: string;
  readonly color: number;
  readonly pixels: number;
  /** Undefined where the size of a pixel is not known. */
  readonly hectares: number | undefined;
}

/** Returns the report of a map as one page that needs no other file. */
export function renderMapReport(report: MapReport, pictures: ReportPictures): string {
  const { scene, adapter, classes, pixels, metrics, facts } = report;
  const title = `${scene}: land cover by ${adapter}`;
  const classified = classes.reduce((sum, found) => sum + found.pixels, 0);
  const hasAreas = classes.some(({ hectares }) => hectares !== undefined);
  const rows = classes.map(({ name, color, pixels: count, hectares }) => {
    const swatch = `<span class="swatch" style="background:#${color.toString(16).padStart(6, '0')}"></span>`;
    const area = hasAreas ? `<td>${(hectares ?? 0).toFixed(2)}</td>` : '';
    const share = percent(classified === 0 ? 0 : count / classified);
    return `<tr><td>${swatch}${escapeHtml(name)}</td><td>${count}</td><td>${share}</td>${area}</tr>`;
  });
  const total = hasAreas
    ? `<th>${classes.reduce((sum, { hectares }) => sum + (hectares ?? 0), 0).toFixed(2)}</th>`
    : '';
  return renderPage(
    title,
    `<img alt="Map" src="data:image/png;base64,${pictures.map.toString('base64')}">
<h2>Areas</h2>
<div class="wide"><table>
<tr><th>Class</th><th>Pixels</th><th>Share</th>${hasAreas ? '<th>Hectares</th>' : ''}</tr>
${rows.join('\n')}
<tr><th>All classes</th><th>${classified}</th><th></th>${total}</tr>
</table></div>
${pixels > classified ? `<p>${pixels - classified} pixels hold no data.</p>` : ''}
${hasAreas ? '' : '<p>The size of a pixel is not known: the scene has no reference system in metres.</p>'}
<p>Pixels are counted as they are mapped. Errors of the map move these areas: a class that the map finds too often has too large an area.</p>
<h2>Confidence</h2>
<img alt="Confidence" src="data:image/png;base64,${pictures.confidence.toString('base64')}">
${metrics === undefined ? '' : accuracies(metrics)}
<h2>How it was made</h2>
<dl>
${Object.entries(facts)
  .map(([term, value]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(value)}</dd>`)
  .join('\n')}
</dl>`,
  );
}

function accuracies(metrics: Report['metrics']): string {
  return `<h2>Agreement with the labels</h2>
<div class="headline">
  <div><b>${percent(metrics.oa)}</b>overall accuracy</div>
  <div><b>${percent(metrics.aa)}</b>average accuracy</div>
  <div><b>${metrics.kappa.toFixed(4)}</b>kappa</div>
</div>
<p>On all labelled pixels of the scene. Where the adapter was trained on some of them, this is higher than on new land: the accuracy on test pixels is what "hyperswap adapters show" prints.</p>
${renderMetrics(metrics)}`;
}
