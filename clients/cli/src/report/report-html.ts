import { escapeHtml } from './escape-html.js';
import { explainLeakage } from './leakage.js';
import { renderLossCurve } from './loss-curve.js';
import { percent, type Report } from './report.js';

export interface ReportPictures {
  readonly map: Buffer;
  readonly confidence: Buffer;
}

/** The report as one page that needs no other file. */
export function renderReport(report: Report, pictures: ReportPictures): string {
  const { metrics, split, adapter, backbone, seconds } = report;
  const facts: [string, string][] = [
    ['Scene', report.scene],
    ['Split', `${split.train} training and ${split.test} test pixels: ${split.description}`],
    ['Method', report.method],
    [
      'Adapter',
      `${adapter.ref}, ${adapter.parameters} values, ${(adapter.bytes / 1e6).toFixed(3)} MB, patch size ${adapter.patchSize}`,
    ],
    ['Backbone', `${backbone.name}, ${backbone.parameters} parameters, ${backbone.digest.slice(0, 12)}`],
    [
      'Seconds',
      `prepare ${seconds.prepare.toFixed(1)}, train ${seconds.train.toFixed(1)}, classify ${seconds.classify.toFixed(1)}`,
    ],
    ['Speed', `${Math.round(report.patchesPerSecond)} patches per second through gRPC`],
  ];
  if (report.swap !== undefined) {
    const { tilesSent, tilesReceived, tilesByAdapter, milliseconds } = report.swap;
    const shares = Object.entries(tilesByAdapter).map(([ref, tiles]) => `${tiles} by ${ref}`);
    const times = milliseconds.map((value) => value.toFixed(0)).join(' and ');
    facts.push([
      'Swaps',
      `${tilesSent} tiles sent, ${tilesReceived} answered: ${shares.join(', ')}; swapped in ${times} ms`,
    ]);
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(report.scene)}: land cover by ${escapeHtml(report.method)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1e; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
  img { max-width: 100%; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
  th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
  th:first-child, td:first-child { text-align: left; }
  .headline { display: flex; gap: 2.5rem; }
  .headline b { display: block; font-size: 2rem; }
  .confusion td { min-width: 2.2rem; font-size: .8rem; padding: .1rem .3rem; border: 1px solid #fff; }
  dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
</style>
</head>
<body>
<h1>${escapeHtml(report.scene)}: land cover by ${escapeHtml(report.method)}</h1>
<div class="headline">
  <div><b>${percent(metrics.oa)}</b>overall accuracy</div>
  <div><b>${percent(metrics.aa)}</b>average accuracy</div>
  <div><b>${metrics.kappa.toFixed(4)}</b>kappa</div>
</div>
<p>On ${split.test} test pixels. ${explainLeakage(split.description)}</p>
<img alt="Map and ground truth" src="data:image/png;base64,${pictures.map.toString('base64')}">
<h2>Confidence</h2>
<img alt="Confidence" src="data:image/png;base64,${pictures.confidence.toString('base64')}">
<h2>Training loss</h2>
${renderLossCurve(report.lossByEpoch, 'epoch')}
<h2>By class</h2>
<table>
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
${confusionTable(report)}
<h2>How it was made</h2>
<dl>
${facts.map(([term, value]) => `<dt>${term}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}
</dl>
</body>
</html>
`;
}

function confusionTable({ metrics }: Report): string {
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
