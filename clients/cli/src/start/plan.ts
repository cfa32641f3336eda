import path from 'node:path';
import type { FoundLabels, FoundScene } from './find-project.js';
import type { Proposal } from './propose.js';

/** First project: what `hyperswap init` proposes. */
export interface Plan {
  readonly scene: FoundScene;
  readonly labels: FoundLabels;
  readonly name: string;
  readonly split: Proposal;
  readonly patchSize: Proposal;
  readonly method: string;
  readonly out: string;
}

/** Returns the arguments of the commands that carry out a plan, in order. */
export function commandsOf({ scene, labels, name, split, patchSize, method, out }: Plan): string[][] {
  const { axes, variable } = scene.options;
  const file = variable === undefined ? scene.file : `${scene.file}:${variable}`;
  const prepare = [
    ...['scenes', 'prepare', file, '--labels', labels.given, '--name', name],
    ...(axes === undefined ? [] : [`--${axes}`]),
    ...(labels.isMapped ? ['--map-classes', 'auto'] : []),
  ];
  const train = [
    ...['train', '--scene', name, '--adapter', name, '--method', method],
    ...['--split', split.value, '--patch-size', patchSize.value],
  ];
  return [prepare, train, ['classify', '--scene', name, '--adapter', name, '--out', out]];
}

/**
 * Returns a command as a shell takes it, folded before options so that it stays readable.
 *
 * @param program as a shell finds it
 */
export function shellLine(args: readonly string[], columns: number, program = 'hyperswap'): string[] {
  // An option stays with its value.
  const parts: string[] = [quote(program)];
  for (const word of args.map(quote)) {
    if (!word.startsWith('--') && parts.at(-1)!.startsWith('--')) parts.push(`${parts.pop()!} ${word}`);
    else parts.push(word);
  }
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    if (line !== '' && line.length + part.length + 3 > columns) {
      lines.push(`${line} \\`);
      line = `    ${part}`;
    } else line = line === '' ? part : `${line} ${part}`;
  }
  return [...lines, line];
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns the text of a plan: what was found, and what is proposed, each with its reason. */
export function describePlan(plan: Plan): string[] {
  const { scene, labels, split, patchSize, method } = plan;
  const { height, width, bands } = scene.info;
  const counts = new Map<number, number>();
  for (const label of labels.labels) if (label > 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  const sizes = [...counts.values()];
  const labelled = sizes.reduce((sum, size) => sum + size, 0);
  const place = labels.given.startsWith(':')
    ? `variable ${labels.given.slice(1)} of the same file`
    : path.basename(labels.given);
  return [
    `Scene       ${path.basename(scene.file)}: ${height} × ${width} pixels, ${bands} bands`,
    `Labels      ${place}: ${labelled} pixels of ${counts.size} classes, ${Math.min(...sizes)} to ${Math.max(...sizes)} a class`,
    `Split       ${split.value}: ${split.reason}`,
    `Patch size  ${patchSize.value}: ${patchSize.reason}`,
    `Method      ${method}: ${method === 'krona+' ? 'makes a small adapter, and is the default' : 'as you chose'}; "hyperswap methods" lists all`,
    '',
    'Random test pixels lie beside training pixels, so that their accuracy is too good for new places: train again with "--split blocks" before you report it.',
  ];
}
