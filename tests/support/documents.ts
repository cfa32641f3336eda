/** Commands in the documents. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { repository } from './fixtures.js';

export interface DocumentCommand {
  /** Place, for example `docs/tutorial.md:41`. */
  readonly place: string;
  /** Words after `hyperswap`. */
  readonly args: readonly string[];
}

export interface CodeBlock {
  readonly language: string;
  /** Line of its first row, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Lists the documents of the repository, without generated pages. */
export function documents(): string[] {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: repository,
  });
  const generated = /^docs\/reference\/|^CHANGELOG\.md$/;
  return files
    .toString()
    .split('\n')
    .filter((file) => file !== '' && !generated.test(file));
}

/** Reads the code blocks of a document. */
export async function codeBlocks(document: string): Promise<CodeBlock[]> {
  const text = await readFile(path.join(repository, document), 'utf8');
  const blocks: CodeBlock[] = [];
  for (const match of text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)) {
    const [, indent, language, body] = match as unknown as [string, string, string, string];
    const line = text.slice(0, match.index).split('\n').length + 1;
    blocks.push({ language, line, text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '') });
  }
  return blocks;
}

/**
 * Lists the commands of hyperswap in the shell blocks of a document. Those with an ellipsis are incomplete, and left
 * out. In a block that begins with `$ `, the other lines are what the commands print.
 */
export async function commandsOf(document: string): Promise<DocumentCommand[]> {
  const found: DocumentCommand[] = [];
  for (const { language, line, text } of await codeBlocks(document)) {
    if (!['', 'sh', 'bash'].includes(language)) continue;
    const joined = text.replaceAll(/\\\n/g, ' ');
    for (const [index, row] of joined.split('\n').entries()) {
      const command = joined.startsWith('$ ') ? (/^\$ (.*)$/.exec(row)?.[1] ?? '') : row;
      const match = /^\s*(?:[A-Z_]+=\S+ )*(?:\.\/bin\/)?hyperswap(?= |$)(.*)$/.exec(command);
      if (match === null || /…|\.\.\./.test(row)) continue;
      const words = match[1]!.replace(/(^|\s)#.*$/, '').split(/\s[|>&]/)[0]!;
      found.push({ place: `${document}:${line + index}`, args: wordsOf(words) });
    }
  }
  return found;
}

/** Lists the lines of a document that can be wrapped: no code, tables, headings or pictures. */
export async function proseLines(document: string): Promise<{ readonly place: string; readonly text: string }[]> {
  const rows = (await readFile(path.join(repository, document), 'utf8')).split('\n');
  let inCode = false;
  return rows.flatMap((text, index) => {
    if (/^ *```/.test(text)) inCode = !inCode;
    return inCode || /^ *(```|\||#|!\[)/.test(text) ? [] : [{ place: `${document}:${index + 1}`, text }];
  });
}

/** Splits a line into words as a shell does, without expansion. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain!,
  );
}
