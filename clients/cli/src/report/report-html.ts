import { escapeHtml } from './escape-html.js';
import { explainLeakage } from './leakage.js';
import { renderLossCurve } from './loss-curve.js';
import { describeCalibration } from './measurement.js';
import { renderMeasurement, renderMetrics } from './metrics-html.js';
import { renderPage } from './page.js';
import { percent, type Report } from './report.js';

export interface ReportPictures {
  readonly map: Buffer;
  readonly confidence: Buffer;
}

/** Returns the report as one page that needs no other file. */
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
    ['Speed', `${Math.round(report.patchesPerSecond)} patches per second`],
  ];
  if (report.calibration !== undefined) facts.push(['Confidence', describeCalibration(report.calibration)]);
  if (report.swap !== undefined) {
    const { tilesSent, tilesReceived, tilesByAdapter, milliseconds } = report.swap;
    const shares = Object.entries(tilesByAdapter).map(([ref, tiles]) => `${tiles} by ${ref}`);
    const times = milliseconds.map((value) => value.toFixed(0)).join(' and ');
    facts.push([
      'Swaps',
      `${tilesSent} tiles sent, ${tilesReceived} answered: ${shares.join(', ')}; swapped in ${times} ms`,
    ]);
  }
  const title = `${report.scene}: land cover by ${report.method}`;
  const overlap =
    metrics.patchOverlap === undefined
      ? ''
      : `<div><b>${percent(metrics.patchOverlap)}</b>of the test patches hold a training pixel</div>`;
  return renderPage(
    title,
    `<div class="headline">
  <div><b>${percent(metrics.oa)}</b>overall accuracy</div>
  ${overlap}
  <div><b>${percent(metrics.aa)}</b>average accuracy</div>
  <div><b>${metrics.kappa.toFixed(4)}</b>kappa</div>
</div>
<p>${escapeHtml(split.sentence ?? `On ${split.test} test pixels.`)} ${explainLeakage(split.description, metrics)}</p>
<img alt="Map and ground truth" src="data:image/png;base64,${pictures.map.toString('base64')}">
<h2>Map of the confidence</h2>
<img alt="Confidence" src="data:image/png;base64,${pictures.confidence.toString('base64')}">
${renderMeasurement(metrics)}
<h2>Training loss</h2>
${renderLossCurve(report.lossByEpoch, 'epoch')}
<h2>By class</h2>
${renderMetrics(metrics)}
<h2>How it was made</h2>
<dl>
${facts.map(([term, value]) => `<dt>${term}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}
</dl>`,
  );
}
