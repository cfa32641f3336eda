/** One frame of `hyperswap top`: a load as lines of text. */
import { bytes, columnsOf, count, rate, share, time, type Column } from './columns.js';
import type { AdapterState, ErrorState, FleetLoad, FlowState, PodLoad } from './fleet-load.js';

/** Order of processes. */
export const sortings = ['name', 'load', 'wait', 'memory', 'errors'] as const;
export type Sorting = (typeof sortings)[number];

export interface Frame {
  readonly endpoint: string;
  readonly at: Date;
  readonly load: FleetLoad;
  readonly sorting: Sorting;
  /** Characters of a line, at least 80. */
  readonly columns: number;
  /** Lines of the screen; undefined: as many as there is to show. */
  readonly rows: number | undefined;
  /** Problem of the connection, in words. */
  readonly notice?: string | undefined;
  /** Keys are shown. */
  readonly isLive: boolean;
}

/** Line with the emphasis that a terminal may give it. */
export interface Line {
  readonly text: string;
  readonly emphasis?: 'title' | 'bad' | 'faint';
}

/** Table whose rows may be cut to what the screen holds. */
interface Section {
  readonly lines: readonly Line[];
  /** Fewest rows of it, where there are so many. */
  readonly least: number;
}

const podOrder: Readonly<Record<Sorting, (a: PodLoad, b: PodLoad) => number>> = {
  name: (a, b) => (a.pod < b.pod ? -1 : 1),
  load: (a, b) => b.patchesPerSecond - a.patchesPerSecond,
  wait: (a, b) => (b.flows.interactive.waitP99 ?? -1) - (a.flows.interactive.waitP99 ?? -1),
  memory: (a, b) => b.residentBytes - a.residentBytes,
  errors: (a, b) => b.errorsPerSecond - a.errorsPerSecond,
};

/** Returns the lines of a frame. None is longer than its columns, and there are no more than its rows. */
export function linesOf(frame: Frame): Line[] {
  const { load, columns, rows, sorting } = frame;
  const pods = [...load.pods].sort((a, b) => podOrder[sorting](a, b) || podOrder.name(a, b));
  const head: Line[] = [...headOf(frame), { text: '' }, ...table(flowColumns, flowsOf(load), columns)];
  const sections: Section[] = [
    { lines: table(workColumns, pods, columns, isUnwell), least: 3 },
    { lines: table(memoryColumns, pods, columns, isUnwell), least: 2 },
    { lines: table(errorColumns, errorsIn(load), columns), least: 2 },
    { lines: table(adapterColumns, adaptersIn(load, sorting), columns), least: 2 },
  ].filter(({ lines }) => lines.length > 1);
  const foot: Line[] = frame.isLive ? [{ text: `q quit  s sort (by ${sorting})`, emphasis: 'faint' }] : [];
  const room = rows === undefined ? Infinity : rows - head.length - foot.length;
  const lines = [...head, ...fit(sections, room).flatMap((section) => [{ text: '' }, ...section]), ...foot];
  return lines.slice(0, rows).map(({ text, ...rest }) => ({ text: text.slice(0, columns), ...rest }));
}

function headOf({ endpoint, at, load, notice }: Frame): Line[] {
  const { pods, jobs, batches } = load;
  const clock = `${at.toISOString().slice(11, 19)} UTC`;
  const number = `${pods.length} ${pods.length === 1 ? 'pod' : 'pods'}`;
  const cuts = Object.entries(batches.cuts).sort(([, a], [, b]) => b - a);
  const jobTexts = jobs.flatMap(({ kind, states }) => {
    const open = (['running', 'queued', 'cancelling'] as const).filter((state) => (states[state] ?? 0) > 0);
    return open.length === 0 ? [] : [`${kind} ${open.map((state) => `${states[state]} ${state}`).join(', ')}`];
  });
  return [
    { text: `hyperswap top  ${endpoint}  ${number}  ${clock}`, emphasis: 'title' },
    ...(notice === undefined ? [] : [{ text: notice, emphasis: 'bad' as const }]),
    {
      text: [
        `work     ${rate(load.patchesPerSecond)} patches/s`,
        `${rate(load.pixelsPerSecond)} pixels/s`,
        `${rate(load.tilesPerSecond)} tiles/s`,
        `${rate(load.errorsPerSecond)} errors/s`,
      ].join('   '),
    },
    {
      text: [
        `batches  ${rate(batches.perSecond)}/s`,
        `fill ${share(batches.fill)}`,
        ...cuts.map(([cut, part]) => `${cut} ${share(part)}`),
      ].join('   '),
    },
    { text: `jobs     ${jobTexts.length === 0 ? 'none waits or runs' : jobTexts.join('   ')}` },
  ];
}

/** Returns the lines of a table, and marks rows that need attention. */
function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  isBad: (row: Row) => boolean = () => false,
): Line[] {
  const [title, ...lines] = columnsOf(columns, rows, width);
  return [
    { text: title!, emphasis: 'faint' },
    ...lines.map((text, i): Line => ({ text, ...(isBad(rows[i]!) ? { emphasis: 'bad' } : {}) })),
  ];
}

/** Cuts tables so that all fit: each keeps its least rows, the first ones get what is left. */
function fit(sections: readonly Section[], room: number): (readonly Line[])[] {
  const least = sections.map((section) => Math.min(section.lines.length - 1, section.least));
  let left = room - least.reduce((sum, rows) => sum + rows + 2, 0);
  return sections.map(({ lines }, i) => {
    const more = Math.max(0, Math.min(left, lines.length - 1 - least[i]!));
    left -= more;
    const shown = least[i]! + more;
    const hidden = lines.length - 1 - shown;
    if (hidden === 0) return lines;
    return [...lines.slice(0, shown), { text: `… and ${hidden + 1} more`, emphasis: 'faint' }];
  });
}

function isUnwell({ state }: PodLoad): boolean {
  return state !== 'serving';
}

interface NamedFlow extends FlowState {
  readonly name: string;
}

function flowsOf({ flows }: FleetLoad): NamedFlow[] {
  return (['interactive', 'jobs'] as const).map((name) => ({ name, ...flows[name] }));
}

const flowColumns: readonly Column<NamedFlow>[] = [
  { title: 'QUEUE', width: 0, align: 'left', cell: ({ name }) => name },
  { title: 'WAITING', width: 8, cell: ({ waitingPatches }) => count(waitingPatches) },
  { title: 'PATCH/S', width: 8, cell: ({ patchesPerSecond }) => rate(patchesPerSecond) },
  { title: 'WAIT P50', width: 9, cell: ({ waitP50 }) => time(waitP50) },
  { title: 'WAIT P99', width: 9, cell: ({ waitP99 }) => time(waitP99) },
  { title: 'REFUSED/S', width: 10, cell: ({ refusedPerSecond }) => rate(refusedPerSecond) },
  { title: 'REFUSED', width: 8, cell: ({ refused }) => count(refused) },
];

/** Names of pods differ at their ends. */
const podColumn: Column<PodLoad> = { title: 'POD', width: 0, align: 'left', cut: 'start', cell: ({ pod }) => pod };

const workColumns: readonly Column<PodLoad>[] = [
  podColumn,
  {
    title: 'STATE',
    width: 11,
    align: 'left',
    cell: ({ state, silentSeconds }) => (state === 'silent' ? `silent ${silentSeconds.toFixed(0)} s` : state),
  },
  { title: 'PATCH/S', width: 7, cell: ({ patchesPerSecond }) => rate(patchesPerSecond) },
  { title: 'PIXEL/S', width: 7, cell: ({ pixelsPerSecond }) => rate(pixelsPerSecond) },
  {
    title: 'WAITING',
    width: 7,
    cell: ({ flows }) => count(flows.interactive.waitingPatches + flows.jobs.waitingPatches),
  },
  { title: 'P99', width: 6, cell: ({ flows }) => time(flows.interactive.waitP99) },
  { title: 'FILL', width: 5, cell: ({ batches }) => share(batches.fill) },
  { title: 'JOBS', width: 4, cell: ({ busyItems }) => count(busyItems) },
  { title: 'ERR/S', width: 5, cell: ({ errorsPerSecond }) => rate(errorsPerSecond) },
];

const memoryColumns: readonly Column<PodLoad>[] = [
  podColumn,
  {
    title: 'MODEL',
    width: 21,
    align: 'left',
    cut: 'start',
    cell: ({ model }) => (model === null ? '-' : `${model.backbone} ${shortPrecision(model.precision)}`),
  },
  {
    title: 'BOUND',
    width: 5,
    cell: ({ bindings: { bound, loading } }) => `${bound}${loading > 0 ? `+${loading}` : ''}`,
  },
  { title: 'BYTES', width: 5, cell: ({ bindings }) => bytes(bindings.bytes) },
  { title: 'HITS', width: 5, cell: ({ bindingHits }) => share(bindingHits) },
  { title: 'RSS', width: 5, cell: ({ residentBytes }) => bytes(residentBytes) },
  { title: 'TENSORS', width: 7, cell: ({ liveTensors }) => (liveTensors === null ? '-' : count(liveTensors)) },
  { title: 'LOOP', width: 6, cell: ({ eventLoopP99 }) => time(eventLoopP99) },
];

/** Returns bf16 for bfloat16, f32 for float32. */
function shortPrecision(precision: string): string {
  return precision.replace('bfloat', 'bf').replace('float', 'f');
}

function errorsIn({ errors }: FleetLoad): ErrorState[] {
  return [...errors].sort((a, b) => b.perSecond - a.perSecond || b.count - a.count);
}

const errorColumns: readonly Column<ErrorState>[] = [
  { title: 'ERROR', width: 0, align: 'left', cell: ({ code }) => code },
  { title: 'OF', width: 6, align: 'left', cell: ({ of }) => `${of}s` },
  { title: 'PER S', width: 8, cell: ({ perSecond }) => rate(perSecond) },
  { title: 'COUNT', width: 8, cell: ({ count: number }) => count(number) },
];

function adaptersIn({ adapters }: FleetLoad, sorting: Sorting): AdapterState[] {
  const byName = (a: AdapterState, b: AdapterState): number => (a.adapter < b.adapter ? -1 : 1);
  return [...adapters].sort((a, b) =>
    sorting === 'name' ? byName(a, b) : b.pixelsPerSecond - a.pixelsPerSecond || byName(a, b),
  );
}

const adapterColumns: readonly Column<AdapterState>[] = [
  { title: 'ADAPTER', width: 0, align: 'left', cell: ({ adapter }) => adapter },
  { title: 'TILES/S', width: 8, cell: ({ tilesPerSecond }) => rate(tilesPerSecond) },
  { title: 'PIXEL/S', width: 8, cell: ({ pixelsPerSecond }) => rate(pixelsPerSecond) },
  { title: 'TILES', width: 8, cell: ({ tiles }) => count(tiles) },
  { title: 'PIXELS', width: 8, cell: ({ pixels }) => count(pixels) },
  { title: 'FAILED', width: 8, cell: ({ failed }) => count(failed) },
];
