import { renderDistanceChart, renderDistanceHistogram } from './distance-chart.js';
import { escapeHtml } from './escape-html.js';
import { renderTable } from './page.js';
import { renderReliabilityChart } from './reliability-chart.js';
import { percent, type Report } from './report.js';

/** Stands where a class has no test pixels. */
const noValue = '–';

/** Returns accuracies by class and the confusion as tables. */
export function renderMetrics(metrics: Report['metrics']): string {
  const share = (value: number, pixels: number): string => (pixels === 0 ? noValue : percent(value));
  const rows = metrics.perClass.map(({ name, pixels, recall, precision, f1 }) => [
    ...[escapeHtml(name), String(pixels)],
    ...[recall, precision, f1].map((value) => share(value, pixels)),
  ]);
  return `${renderTable(['Class', 'Test pixels', 'Recall', 'Precision', 'F1'], rows)}
<h2>Confusion</h2>
<p>Rows are the true classes, columns the predicted ones.</p>
${confusionTable(metrics)}`;
}

/** Returns accuracy by distance and calibration as charts; empty where neither was measured. */
export function renderMeasurement(metrics: Report['metrics']): string {
  const { byDistance = [], distanceHistogram = [], reliability = [], calibrationError } = metrics;
  const charts = [
    renderDistanceChart([{ label: '', bins: byDistance }]),
    renderDistanceHistogram(distanceHistogram),
  ].join('\n');
  const distances =
    byDistance.length === 0
      ? ''
      : `<h2>Accuracy by distance to the nearest training pixel</h2>
<p>Pixels near training pixels are easier: they belong to the same field, and their patches overlap those of the training. The distance is the Chebyshev distance.</p>
<div class="charts">${charts}</div>`;
  const curve = renderReliabilityChart([{ label: '', bins: reliability }]);
  const calibration =
    curve === ''
      ? ''
      : `<h2>Confidence</h2>
<p>On the dashed line confidence is what it says: the share of pixels that are right. The mean distance from it is ${percent(calibrationError ?? 0)} (expected calibration error).</p>
${curve}`;
  return [distances, calibration].filter((part) => part !== '').join('\n');
}

function confusionTable(metrics: Report['metrics']): string {
  const names = metrics.perClass.map(({ name }) => name);
  const rows = names.map((name, row) => {
    const cells = metrics.confusion.slice(row * names.length, (row + 1) * names.length);
    const total = Math.max(
      1,
      cells.reduce((sum, count) => sum + count, 0),
    );
    const drawn = cells.map((count, column) => {
      const hue = row === column ? '47,158,68' : '217,43,43';
      return `<td style="background:rgba(${hue},${((0.9 * count) / total).toFixed(2)})">${count}</td>`;
    });
    return `<tr><th>${row + 1} ${escapeHtml(name)}</th>${drawn.join('')}</tr>`;
  });
  const header = names.map((_, column) => `<th>${column + 1}</th>`).join('');
  return `<div class="wide"><table class="confusion"><tr><th></th>${header}</tr>\n${rows.join('\n')}</table></div>`;
}
