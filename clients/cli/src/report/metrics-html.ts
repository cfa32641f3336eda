import { escapeHtml } from './escape-html.js';
import { percent, type Report } from './report.js';

/** Style of reports. */
export const reportStyle = `  body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1e; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
  img { max-width: 100%; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
  th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
  th:first-child, td:first-child { text-align: left; }
  .headline { display: flex; gap: 2.5rem; }
  .headline b { display: block; font-size: 2rem; }
  .confusion td { min-width: 2.2rem; font-size: .8rem; padding: .1rem .3rem; border: 1px solid #fff; }
  dt { font-weight: 600; } dd { margin: 0 0 .4rem; }`;

/** Accuracies by class and confusion as tables. */
export function renderMetrics(metrics: Report['metrics']): string {
  return `<table>
<tr><th>Class</th><th>Test pixels</th><th>Recall</th><th>Precision</th><th>F1</th></tr>
${metrics.perClass
  .map(
    ({ name, pixels, recall, precision, f1 }) =>
      `<tr><td>${escapeHtml(name)}</td><td>${pixels}</td><td>${percent(recall)}</td><td>${percent(precision)}</td><td>${percent(f1)}</td></tr>`,
  )
  .join('\n')}
</table>
<h2>Confusion</h2>
<p>Rows are the true classes, columns the predicted ones.</p>
${confusionTable(metrics)}`;
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
  return `<table class="confusion"><tr><th></th>${header}</tr>\n${rows.join('\n')}</table>`;
}
