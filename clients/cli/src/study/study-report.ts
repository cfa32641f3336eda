import { mcnemar } from '@hyperswap/map';
import { escapeHtml } from '../report/escape-html.js';
import { explainLeakage } from '../report/leakage.js';
import { renderBars, renderLambdas } from './plots.js';
import type { RunResult, StudyPlan } from './study-runs.js';
import type { Spread } from '@hyperswap/map';
import type { StudyLine } from './study-summary.js';

export interface StudyPicture {
  readonly title: string;
  readonly png: Buffer;
}

/** The paper's tables for one scene, as one page that needs no other file. @param truth labels of the scene that the test pixels have, row by row */
export function renderStudy(
  plan: StudyPlan,
  lines: readonly StudyLine[],
  pictures: readonly StudyPicture[],
  truth: (run: RunResult) => Uint8Array,
): string {
  const first = lines[0]!.runs[0]!;
  const seeds = plan.seeds.length === 1 ? 'one seed' : `${plan.seeds.length} seeds, mean ± deviation`;
  const plain = lines.filter(({ lambda }) => lambda === undefined);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(plan.scene)}: methods compared</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1e; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
  img { max-width: 100%; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
  th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
</style>
</head>
<body>
<h1>${escapeHtml(plan.scene)}: methods compared</h1>
<p>${escapeHtml(first.split)}: ${first.trainPixels} training and ${first.testPixels.length} test pixels, patch size ${first.patchSize}, ${seeds}.
Backbone ${plan.backbones.map(escapeHtml).join(', ')}. ${explainLeakage(first.split, first.metrics)}</p>
<p>Accuracies of the paper belong to the released SpectralGPT weights: with others compare the order of the methods, and their gap to full fine-tuning.</p>
${renderBars(plain)}
<h2>Methods</h2>
${methodTable(lines)}
<h2>Recall by class</h2>
${classTable(plain)}
${lines.some(({ lambda }) => lambda !== undefined) ? `<h2>λ</h2>\n${renderLambdas(lines)}` : ''}
<h2>Do they differ?</h2>
<p>McNemar's test, seed ${plan.seeds[0]}: the probability of such a difference if both were equally accurate. Neighbouring pixels depend on each other,
which makes small probabilities too small.</p>
${mcnemarTable(plain, truth)}
<h2>Maps</h2>
${pictures.map(({ title, png }) => `<h3>${escapeHtml(title)}</h3>\n<img alt="${escapeHtml(title)}" src="data:image/png;base64,${png.toString('base64')}">`).join('\n')}
</body>
</html>
`;
}

function methodTable(lines: readonly StudyLine[]): string {
  const isSmoothed = lines[0]!.smoothedAccuracy !== undefined;
  const rows = lines.map((line) => {
    const { parameters, bytes } = line.runs[0]!;
    return [
      escapeHtml(line.label),
      percentSpread(line.overallAccuracy),
      percentSpread(line.averageAccuracy),
      `${line.kappa.mean.toFixed(4)} ± ${line.kappa.deviation.toFixed(4)}`,
      String(parameters),
      bytes === 0 ? '' : (bytes / 1e6).toFixed(3),
      line.seconds.mean.toFixed(0),
      ...(line.smoothedAccuracy === undefined ? [] : [percentSpread(line.smoothedAccuracy)]),
    ];
  });
  const header = ['Method', 'OA', 'AA', 'Kappa', 'Learned values', 'Stored, MB', 'Seconds'];
  return tableHtml(isSmoothed ? [...header, 'OA, map smoothed'] : header, rows);
}

function classTable(lines: readonly StudyLine[]): string {
  const classes = lines[0]!.runs[0]!.metrics.perClass;
  const rows = classes.map(({ name, pixels }, index) => [
    escapeHtml(name),
    String(pixels),
    ...lines.map(({ runs }) => {
      const recalls = runs.map(({ metrics }) => metrics.perClass[index]?.recall ?? 0);
      return (100 * (recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length)).toFixed(2);
    }),
  ]);
  return tableHtml(['Class', 'Test pixels', ...lines.map(({ label }) => escapeHtml(label))], rows);
}

function mcnemarTable(lines: readonly StudyLine[], truth: (run: RunResult) => Uint8Array): string {
  const predictions = lines.map(({ runs }) => new Uint8Array(Buffer.from(runs[0]!.testPredictions, 'base64')));
  const labels = truth(lines[0]!.runs[0]!);
  const rows = lines.map(({ label }, row) => [
    escapeHtml(label),
    ...lines.map((_, column) => {
      const [a, b] = [predictions[row]!, predictions[column]!];
      if (row === column || a.length !== b.length) return '';
      const { probability } = mcnemar(labels, a, b);
      return probability < 0.0001 ? '< 0.0001' : probability.toFixed(4);
    }),
  ]);
  return tableHtml(['', ...lines.map(({ label }) => escapeHtml(label))], rows);
}

function percentSpread({ mean, deviation }: Spread): string {
  return `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)}`;
}

function tableHtml(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.map((cell) => `<th>${cell}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  return `<div class="wide"><table><tr>${head}</tr>\n${body}</table></div>`;
}
