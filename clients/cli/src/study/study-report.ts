import { mcnemar, type AccuracyDifference, type Spread } from '@hyperswap/map';
import { renderDistanceChart } from '../report/distance-chart.js';
import { escapeHtml } from '../report/escape-html.js';
import { explainLeakage } from '../report/leakage.js';
import { rangeOf } from '../report/measurement.js';
import { renderPage, renderSection, renderTable } from '../report/page.js';
import { renderReliabilityChart } from '../report/reliability-chart.js';
import { percent } from '../report/report.js';
import { splitSentence } from '../report/split-sentence.js';
import { marked, noteMark, transductive, transductiveMark } from '../report/transductive.js';
import { differenceOf, inPoints, predictionsOf, pretrainingWorth, type BlockGrid, type Truth } from './paired.js';
import { renderBars, renderLambdas } from './plots.js';
import { backboneLabel } from './random-weights.js';
import { splitOf, type RunResult, type StudyPlan } from './study-runs.js';
import { describeChosen, type StudyLine } from './study-summary.js';

export interface StudyPicture {
  readonly title: string;
  readonly png: Buffer;
}

/** Content of a study's report. */
export interface StudyReport {
  readonly plan: StudyPlan;
  readonly lines: readonly StudyLine[];
  readonly pictures: readonly StudyPicture[];
  /** Class names of the scene, from 1 on. */
  readonly classes: readonly string[];
  readonly truth: Truth;
  readonly grid: BlockGrid;
}

/** Stands where there is no value. */
const dash = '–';

/** Returns the paper's tables for one scene as one page that needs no other file. */
export function renderStudy(report: StudyReport): string {
  const { plan, lines, pictures } = report;
  const first = lines[0]!.runs[0]!;
  const pixels = { train: first.trainPixels, test: first.testPixels.length };
  const seeds =
    plan.seeds.length === 1
      ? `One seed (${plan.seeds[0]}).`
      : `${plan.seeds.length} seeds, each with its own start${plan.isRedrawn ? ' and its own split; the numbers of pixels are those of the first' : ''}. Values are means ± standard deviations.`;
  const plain = lines.filter(({ lambda }) => lambda === undefined);
  const main = plain.filter(({ control }) => control === undefined);
  const maps = pictures.map(
    ({ title, png }) =>
      `<h3>${escapeHtml(title)}</h3>\n<img alt="${escapeHtml(title)}" src="data:image/png;base64,${png.toString('base64')}">`,
  );
  const content = `<p>${escapeHtml(splitSentence(splitOf(plan, first.seed), pixels))} Patches have ${first.patchSize} × ${first.patchSize} pixels. ${seeds} Backbone: ${plan.backbones.map(backboneLabel).map(escapeHtml).join(', ')}.</p>
<p>${explainLeakage(first.split, widestOf(main).metrics)}</p>
<p>Accuracies of the paper belong to the released SpectralGPT weights: with others compare the order of the methods, and their gap to full fine-tuning.</p>
${renderBars(plain)}
<h2>Methods</h2>
${methodTable(lines)}
${chosenSettings(lines)}
${plain.length === main.length ? '' : '<p>Lines with a patch of 1 or 3 pixels are controls: they see a pixel’s spectrum and hardly any surroundings. What a method gains over them is due to the surroundings, or to patches that overlap the training.</p>'}
${renderSection('What pretraining is worth', pretraining(report))}
${renderSection('Accuracy by distance to the nearest training pixel', distances(plain))}
${renderSection('Confidence', reliability(main))}
${renderSection('Recall by class', classTable(main, report.classes))}
${renderSection('Overall accuracy by λ', renderLambdas(lines))}
${renderSection('Do they differ?', differences(plain, report))}
${renderSection('Maps', maps.join('\n'))}`;
  return renderPage(`${plan.scene}: methods compared`, content);
}

/**
 * Returns the first run of the method whose patches hold most training pixels, of those that do not read the whole
 * scene.
 */
function widestOf(lines: readonly StudyLine[]): RunResult {
  const overlapOf = ({ patchOverlap: { count, mean } }: StudyLine): number => (count === 0 ? -1 : mean);
  const local = lines.filter(({ sawTestSpectra }) => !sawTestSpectra);
  const [widest] = (local.length === 0 ? lines : local).toSorted((a, b) => overlapOf(b) - overlapOf(a));
  return widest!.runs[0]!;
}

function methodTable(lines: readonly StudyLine[]): string {
  const isSmoothed = lines[0]!.smoothedAccuracy !== undefined;
  const rows = lines.map((line) => {
    const { parameters, bytes } = line.runs[0]!;
    return [
      escapeHtml(marked(line)),
      percentSpread(line.overallAccuracy),
      line.patchOverlap.count === 0 ? dash : percent(line.patchOverlap.mean),
      percentSpread(line.averageAccuracy),
      line.kappa.mean.toFixed(4) + (line.kappa.count < 2 ? '' : ` ± ${line.kappa.deviation.toFixed(4)}`),
      line.calibrationError.count === 0 ? dash : percentSpread(line.calibrationError),
      parameters.toLocaleString('en'),
      bytes === 0 ? dash : (bytes / 1e6).toFixed(3),
      line.seconds.mean.toFixed(0),
      ...(line.smoothedAccuracy === undefined ? [] : [percentSpread(line.smoothedAccuracy)]),
    ];
  });
  const header = ['Method', 'OA', 'Test patches with a training pixel', 'AA', 'Kappa', 'Calibration error'];
  const more = ['Learned values', 'Stored, MB', 'Seconds', ...(isSmoothed ? ['OA, map smoothed'] : [])];
  const seeing = lines.filter(({ sawTestSpectra }) => sawTestSpectra).map(({ label }) => escapeHtml(label));
  const note =
    seeing.length === 0
      ? ''
      : `<p>${transductiveMark} ${seeing.join(', ')} ${transductive}. Compare with methods that did not with care.</p>`;
  const notes = lines.flatMap(({ label, notes: own }) =>
    own.map((sentence) => `<p>${noteMark} ${escapeHtml(label)}: ${escapeHtml(sentence)}.</p>`),
  );
  return `${renderTable([...header, ...more], rows)}\n${note}${notes.join('')}`;
}

/** Returns the settings that methods chose, by seed; empty where none did. */
function chosenSettings(lines: readonly StudyLine[]): string {
  const told = lines.flatMap(({ label, runs }) => {
    const chosen = runs.flatMap((run) =>
      describeChosen(run) === '' ? [] : [`${describeChosen(run)} (seed ${run.seed})`],
    );
    return chosen.length === 0 ? [] : [`${label}: ${chosen.join(', ')}`];
  });
  if (told.length === 0) return '';
  return `<p>Chosen on training pixels, never on test pixels: ${told.map(escapeHtml).join('; ')}.</p>`;
}

/** Returns each method less itself on random weights; empty where no run had random weights. */
function pretraining({ plan, lines, truth, grid }: StudyReport): string {
  const worth = pretrainingWorth(lines, truth, grid);
  if (worth.length === 0) return '';
  const rows = worth.map(({ label, found }) => [escapeHtml(label), withInterval(found), withInterval(found.average)]);
  return `<p>Each method less the same method on random weights: a network of the structure of ${escapeHtml(plan.randomLike)} that saw no data before, with weights drawn anew for each seed. Points on the same test pixels, the mean over the seeds with its 95 % interval. Bold: the interval leaves out 0. Where it holds 0, the lead over plain pixels is due to the structure of the network, not to its pretraining.</p>
${renderTable(['Method', 'OA', 'AA'], rows)}`;
}

/** Returns a difference with its interval, bold where that leaves out 0. */
function withInterval({ difference, low, high }: AccuracyDifference): string {
  const text = `${inPoints(difference)} [${inPoints(low)}, ${inPoints(high)}]`;
  return low > 0 || high < 0 ? `<b>${text}</b>` : text;
}

/** Returns accuracies by distance, over all seeds together; empty where no run measured them. */
function distances(lines: readonly StudyLine[]): string {
  const measured = lines.filter(({ byDistance }) => byDistance.length > 0);
  if (measured.length === 0) return '';
  const rows = measured.map(({ label, byDistance }) => [
    escapeHtml(label),
    ...byDistance.map(({ pixels, correct }) => (pixels === 0 ? dash : percent(correct / pixels))),
  ]);
  const { byDistance } = measured[0]!;
  const counts = ['Test pixels', ...byDistance.map(({ pixels }) => pixels.toLocaleString('en'))];
  const header = ['Pixels to the nearest training pixel', ...byDistance.map((bin) => escapeHtml(rangeOf(bin)))];
  const chart = renderDistanceChart(measured.map(({ label, byDistance: bins }) => ({ label, bins })));
  return `<p>Overall accuracy of the test pixels at each distance (Chebyshev), all seeds together. Curves that fall tell how much an accuracy owes to near training pixels.</p>
${chart}
${renderTable(header, [...rows, counts])}`;
}

function reliability(lines: readonly StudyLine[]): string {
  const curve = renderReliabilityChart(
    lines.map(({ label, runs }) => ({ label, bins: runs[0]!.metrics.reliability ?? [] })),
  );
  return curve === ''
    ? ''
    : `<p>First seed. On the dashed line confidence is what it says: the share of pixels that are right. The calibration error above is the mean distance from it; “--set calibrate=true” lowers it.</p>
${curve}`;
}

function classTable(lines: readonly StudyLine[], names: readonly string[]): string {
  const [first] = lines;
  if (first === undefined) return '';
  const count = Math.max(...lines.map(({ recalls }) => recalls.length));
  const rows = Array.from({ length: count }, (_, index) => {
    const own = first.runs.map(({ metrics }) => metrics.perClass[index]?.pixels ?? 0);
    const [fewest, most] = [Math.min(...own), Math.max(...own)];
    const name = names[index] ?? first.runs[0]!.metrics.perClass[index]?.name ?? `class ${index + 1}`;
    return [
      escapeHtml(name),
      fewest === most ? String(most) : `${fewest} to ${most}`,
      ...lines.map(({ recalls }) => {
        const recall = recalls[index];
        return recall === undefined || recall.count === 0 ? dash : (100 * recall.mean).toFixed(2);
      }),
    ];
  });
  return renderTable(['Class', 'Test pixels', ...lines.map(({ label }) => escapeHtml(label))], rows);
}

/** Returns differences of all pairs; empty where there is no pair. */
function differences(lines: readonly StudyLine[], { plan, truth, grid }: StudyReport): string {
  if (lines.length < 2) return '';
  const labels = lines.map(({ label }) => escapeHtml(label));
  const paired = lines.map((first, row) => [
    labels[row]!,
    ...lines.map((second, column) => {
      const found = row === column ? undefined : differenceOf(first, second, truth, grid);
      if (found === undefined) return dash;
      return withInterval(found);
    }),
  ]);
  const tested = lines.map(({ runs: [own] }, row) => [
    labels[row]!,
    ...lines.map(({ runs: [other] }, column) => {
      const [a, b] = [predictionsOf(own!), predictionsOf(other!)];
      if (row === column || a.length !== b.length) return dash;
      const { probability } = mcnemar(truth(own!), a, b);
      return probability < 0.0001 ? '&lt; 0.0001' : probability.toFixed(4);
    }),
  ]);
  return `<p>Overall accuracy of the row less that of the column on the same test pixels, in points: the mean over the seeds with its 95 % interval. The interval comes from drawing blocks of ${grid.side} × ${grid.side} pixels anew (bootstrap), because neighbouring pixels depend on each other. Bold: the interval leaves out 0.</p>
${renderTable(['', ...labels], paired)}
<p>McNemar's test, seed ${plan.seeds[0]}: the probability of such a difference if both were equally accurate. It takes pixels for independent, which makes small probabilities too small.</p>
${renderTable(['', ...labels], tested)}`;
}

function percentSpread({ mean, deviation, count }: Spread): string {
  return count < 2 ? (100 * mean).toFixed(2) : `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)}`;
}
