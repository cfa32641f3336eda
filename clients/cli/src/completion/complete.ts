import type { Argument, Command, Option } from 'commander';

/** Kind of values that the services know. */
export type NameKind = 'scenes' | 'adapters' | 'backbones' | 'methods' | 'presets' | 'jobs';

export interface Candidate {
  readonly value: string;
  readonly note: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** The shell is to add names of files or of folders. */
  readonly paths: 'files' | 'folders' | 'none';
}

/** Names of a kind, as the services or the home folder have them. @param flags general options that were typed */
export type NameSource = (kind: NameKind, flags: Readonly<Record<string, string>>) => Promise<readonly string[]>;

/** Kinds of the values of options, by the long name of the option. */
const optionKinds: Readonly<Record<string, NameKind>> = {
  '--scene': 'scenes',
  '--pca-of': 'scenes',
  '--adapter': 'adapters',
  '--like': 'adapters',
  '--backbone': 'backbones',
  '--from': 'backbones',
  '--method': 'methods',
  '--methods': 'methods',
  '--preset': 'presets',
};
/** Fixed values of options that are checked elsewhere. */
const optionValues: Readonly<Record<string, readonly string[]>> = {
  '--precision': ['auto', 'float32', 'bfloat16', 'int8'],
  '--log-level': ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
  '--size': ['mini', 'base', 'large', 'huge'],
  '--services': ['preprocessing', 'trainer', 'tile-inference', 'gateway'],
  '--patch-size': ['auto'],
};
/** Kinds of arguments, by the words of their command. */
const argumentKinds: Readonly<Record<string, NameKind>> = {
  'scenes show': 'scenes',
  'scenes quicklook': 'scenes',
  'scenes spectra': 'scenes',
  'scenes delete': 'scenes',
  'adapters show': 'adapters',
  'adapters export': 'adapters',
  'adapters alias': 'adapters',
  'adapters pin': 'adapters',
  'adapters retire': 'adapters',
  compare: 'adapters',
  'backbones show': 'backbones',
  'jobs map': 'jobs',
  'jobs cancel': 'jobs',
};
const nothing: Completion = { candidates: [], paths: 'none' };

/** Place in a command line: what was typed before the word that is completed. */
interface Place {
  readonly command: Command;
  readonly words: readonly string[];
  /** Arguments of the command that were typed. */
  readonly operands: number;
  /** Option whose value comes next. */
  readonly pending: Option | undefined;
  readonly used: ReadonlySet<Option>;
  readonly flags: Readonly<Record<string, string>>;
}

/**
 * Returns what the last word can become.
 *
 * @param words of the command line after `hyperswap`, the last of them perhaps empty
 */
export async function complete(program: Command, words: readonly string[], names: NameSource): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const place = findPlace(program, words.slice(0, -1));
  const { command, pending, flags } = place;
  if (pending !== undefined) return valuesOf(pending, current, names, flags);
  const [, flag, start] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  if (flag !== undefined) {
    const option = optionsOf(command).find(({ long }) => long === flag);
    if (option === undefined) return nothing;
    const found = await valuesOf(option, start!, names, flags);
    return { ...found, candidates: found.candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })) };
  }
  if (current.startsWith('-')) return optionNames(place, current);
  const children = command.createHelp().visibleCommands(command);
  if (command.commands.length > 0) {
    const all = children.map((child) => ({ value: child.name(), note: child.description() }));
    return place.operands > 0 ? nothing : only(all, current);
  }
  const argument = command.registeredArguments[place.operands];
  return argument === undefined ? optionNames(place, current) : argumentValues(place, argument, current, names);
}

function findPlace(program: Command, words: readonly string[]): Place {
  let command = program;
  let operands = 0;
  let pending: Option | undefined;
  const path: string[] = [];
  const used = new Set<Option>();
  const flags: Record<string, string> = {};
  for (const word of words) {
    if (pending !== undefined) {
      flags[pending.attributeName()] = word;
      pending = undefined;
    } else if (word.startsWith('-')) {
      const [name, value] = word.split(/=(.*)/s, 2);
      const option = optionsOf(command).find(({ long, short }) => long === name || short === name);
      if (option === undefined) continue;
      used.add(option);
      if (value !== undefined) flags[option.attributeName()] = value;
      else if (option.required) pending = option;
    } else {
      const child = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (child === undefined) operands += 1;
      else {
        command = child;
        path.push(child.name());
      }
    }
  }
  return { command, words: path, operands, pending, used, flags };
}

/** Returns the options of a command and of those above it. */
function optionsOf(command: Command): Option[] {
  const above = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.options, ...above].filter(({ hidden }) => !hidden);
}

function optionNames({ command, used }: Place, current: string): Completion {
  const free = optionsOf(command).filter((option) => !used.has(option) || Array.isArray(option.defaultValue));
  const all = free.flatMap(({ long, description }) => (long ? [{ value: long, note: description }] : []));
  return only([...all, { value: '--help', note: 'show the help of the command' }], current);
}

async function valuesOf(
  option: Option,
  current: string,
  names: NameSource,
  flags: Place['flags'],
): Promise<Completion> {
  const { long = '', argChoices } = option;
  const fixed = argChoices ?? optionValues[long] ?? [];
  const kind = optionKinds[long];
  const known = kind === undefined ? fixed : await names(kind, flags);
  const found = only(
    known.map((value) => ({ value, note: '' })),
    current,
  );
  return { ...found, paths: pathsOf(option.flags) };
}

async function argumentValues(
  { words, flags }: Place,
  argument: Argument,
  current: string,
  names: NameSource,
): Promise<Completion> {
  const kind = argumentKinds[words.join(' ')];
  const isFirst =
    words[0] === 'compare' || argument.name() === 'ref' || argument.name() === 'name' || argument.name() === 'job';
  const known = kind !== undefined && isFirst ? await names(kind, flags) : (argument.argChoices ?? []);
  const found = only(
    known.map((value) => ({ value, note: '' })),
    current,
  );
  return { ...found, paths: pathsOf(argument.name()) };
}

/** Tells by the words of an option or argument whether its value is a file or a folder. */
function pathsOf(text: string): Completion['paths'] {
  const value = /<(.*)>|\[(.*)\]/.exec(text)?.[0] ?? text;
  if (/\bfolder\b|\bdir\b/.test(value)) return 'folders';
  return /file|path|\.(png|tif)\b/.test(value) ? 'files' : 'none';
}

function only(all: readonly Candidate[], current: string): Completion {
  return { candidates: all.filter(({ value }) => value.startsWith(current)), paths: 'none' };
}
