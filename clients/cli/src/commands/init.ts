import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { splitVariable } from '../file-options.js';
import { sceneNameOf } from '../names.js';
import type { GlobalFlags } from '../session.js';
import { findLabels, findScenes, readScene, type FoundLabels, type FoundScene } from '../start/find-project.js';
import { commandsOf, describePlan, shellLine, type Plan } from '../start/plan.js';
import { measureLabels, proposePatchSize, proposeSplit, type Proposal } from '../start/propose.js';
import { bold, outputColumns, printResult, warn } from '../terminal.js';
import { foldLine } from '../text-layout.js';

interface InitFlags extends GlobalFlags {
  readonly scene?: string;
  readonly labels?: string;
  readonly name?: string;
  readonly split?: string;
  readonly patchSize?: string;
  readonly method: string;
  readonly out?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Asks a question. @returns the answer, without blanks around it */
type Ask = (question: string) => Promise<string>;

/** Adds `init`, which finds a scene and its labels in a folder, proposes a first project, and runs its commands. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('make a first map: find scene and labels in a folder, propose options, run the commands')
    .argument('[folder]', 'folder to look in', '.')
    .option('--scene <file[:variable]>', 'scene file, or FILE:VARIABLE, where the folder has several')
    .option('--labels <file>', 'label file, or :VARIABLE of the scene file, where there are several')
    .option('--name <name>', 'name of scene and adapter; that of the file by default')
    .option('--split <split>', 'split to use in place of the proposal; see "hyperswap train --help"')
    .option('--patch-size <pixels>', 'patch size to use in place of the proposal')
    .option('--method <name>', 'how the adapter learns; "hyperswap methods" lists them', 'krona+')
    .option('--out <dir>', 'folder for the map; out/NAME by default')
    .option('--yes', 'take all proposals and run the commands without asking')
    .option('--dry-run', 'print the commands and run none')
    .action(async (folder: string, own: InitFlags, command: Command) => {
      const flags = command.optsWithGlobals<InitFlags>();
      const isAsking = process.stdin.isTTY && process.stdout.isTTY && flags.yes !== true && flags.json !== true;
      const terminal = isAsking ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
      const ask: Ask | undefined = terminal && (async (question) => (await terminal.question(`${question} `)).trim());
      try {
        const plan = await makePlan(folder, { ...flags, out: own.out }, ask);
        const commands = commandsOf(plan);
        printPlan(flags, plan, commands);
        const isRun = flags.dryRun !== true && (flags.yes === true || (await wantsToRun(ask)));
        terminal?.close();
        if (isRun) await runAll(command.parent!, flags, commands, plan);
        else if (flags.json !== true) console.log('\nRun them, or let "hyperswap init --yes" do it.');
      } finally {
        terminal?.close();
      }
    });
}

function printPlan({ json }: InitFlags, plan: Plan, commands: readonly string[][]): void {
  const { split, patchSize, name } = plan;
  printResult(json, { name, split, patchSize, commands: commands.map((args) => ['hyperswap', ...args]) }, [
    ...describePlan(plan).map((line) => foldLine(line, outputColumns(), line.startsWith('Random') ? 0 : 12)),
    '',
    'Commands:',
    ...commands.flatMap((args) => shellLine(args, 76).map((line) => `  ${bold(line)}`)),
  ]);
}

/** Asks whether to run the commands; without a terminal they are not run. */
async function wantsToRun(ask: Ask | undefined): Promise<boolean> {
  return ask !== undefined && /^(y|yes|)$/i.test(await ask('\nRun these commands now? [Y/n]'));
}

/** @throws FILE_UNREADABLE, FIELD_INVALID when there is no scene, or no labels, or several and no terminal to ask at */
async function makePlan(folder: string, flags: InitFlags, ask: Ask | undefined): Promise<Plan> {
  const found = await chooseScene(folder, flags, ask);
  const { scene, labels } = await chooseLabels(found, flags, ask);
  const name = flags.name ?? sceneNameOf(scene.file);
  const facts = measureLabels(labels.labels, scene.info.width);
  const given = (value: string | undefined, proposal: Proposal): Proposal =>
    value === undefined ? proposal : { value, reason: 'as you chose' };
  return {
    ...{ scene, labels, name, method: flags.method, out: flags.out ?? path.join('out', name) },
    split: given(flags.split, proposeSplit(facts)),
    patchSize: given(flags.patchSize, proposePatchSize(facts)),
  };
}

/** Returns the readings of the scene file that is meant. */
async function chooseScene(folder: string, { scene: wanted }: InitFlags, ask: Ask | undefined): Promise<FoundScene[]> {
  if (wanted !== undefined) {
    const { file, variable } = splitVariable(wanted);
    const readings = await readScene(file, variable);
    if (readings.length > 0) return readings;
    throw failure('FIELD_INVALID', { field: '--scene', reason: `${wanted} has fewer than 12 bands` });
  }
  const { scenes, notes } = await findScenes(folder).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw failure('FILE_UNREADABLE', { file: folder, reason }, cause);
  });
  const files = [...new Set(scenes.map(({ file }) => file))];
  if (files.length === 0) {
    const why = notes.map((note) => `. ${note.replace(/\.$/, '')}`).join('');
    const reason = `${path.resolve(folder)} has no file that is a scene of at least 12 bands${why}. Name a file, or one of its variables, with --scene FILE[:VARIABLE]`;
    throw failure('FIELD_INVALID', { field: 'folder', reason });
  }
  const file = await choose('--scene', 'Which file is the scene?', files, ask);
  return scenes.filter((one) => one.file === file);
}

/** Returns the labels that are meant, and the reading of the scene that they fit. */
async function chooseLabels(
  readings: readonly FoundScene[],
  { labels: wanted }: InitFlags,
  ask: Ask | undefined,
): Promise<{ readonly scene: FoundScene; readonly labels: FoundLabels }> {
  for (const scene of readings) {
    const all = await findLabels(scene);
    const same = (given: string): boolean =>
      wanted === undefined ||
      given === wanted ||
      (!wanted.startsWith(':') && path.resolve(given) === path.resolve(wanted));
    const fitting = all.filter(({ given }) => same(given));
    if (fitting.length === 0) continue;
    const given = await choose(
      '--labels',
      'Which of these are the labels?',
      fitting.map((one) => one.given),
      ask,
    );
    return { scene, labels: fitting.find((one) => one.given === given)! };
  }
  const { file, info } = readings[0]!;
  const reason =
    `no labels of ${info.height} × ${info.width} pixels, and no points or polygons on them, were found for ${file}: ` +
    'put a label file beside it ("hyperswap scenes prepare --help" names the kinds)';
  throw failure('FIELD_INVALID', { field: '--labels', reason });
}

/** Returns one of several candidates, and asks at a terminal; the first is the likeliest. */
async function choose(field: string, question: string, all: readonly string[], ask: Ask | undefined): Promise<string> {
  if (all.length === 1) return all[0]!;
  if (ask === undefined) {
    warn(`${all.join(', ')} are possible; ${all[0]!} is taken, and ${field} names another.`);
    return all[0]!;
  }
  all.forEach((one, index) => console.log(`  ${index + 1}  ${one}`));
  for (;;) {
    const answer = await ask(`${question} [1]`);
    const found = answer === '' ? all[0] : (all[Number(answer) - 1] ?? all.find((one) => one === answer));
    if (found !== undefined) return found;
    console.log(`Type a number from 1 to ${all.length}.`);
  }
}

/** Runs commands one after the other, as if they were typed. */
async function runAll(program: Command, flags: InitFlags, commands: readonly string[][], plan: Plan): Promise<void> {
  // Options before the command, such as --endpoint, hold for each of them.
  const given = program.opts<Record<string, string | boolean | undefined>>();
  const general = program.options.flatMap((option) => {
    const { long, required } = option;
    const value = given[option.attributeName()];
    if (value === undefined || value === false || !long) return [];
    return required ? [long, String(value)] : [long];
  });
  for (const args of commands) {
    if (flags.json !== true) console.log(`\n${shellLine(args, 76).map(bold).join('\n')}`);
    await program.parseAsync([...general, ...args], { from: 'user' });
  }
  if (flags.json !== true)
    console.log(`\nOpen ${path.join(plan.out, 'report.html')}, or ${path.join(plan.out, 'labels.tif')} in QGIS.`);
}
