/** Exception classes of the Python client, from the catalogue. */
import { catalogue, type CatalogueEntry, type DetailKinds, type GrpcStatusName } from '@hyperswap/errors';

/**
 * Class in `_error_base.py` that the exceptions of a gRPC status derive from; others derive from HyperswapError itself.
 */
const baseOf: Partial<Record<GrpcStatusName, string>> = {
  INVALID_ARGUMENT: 'InvalidArgumentError',
  OUT_OF_RANGE: 'InvalidArgumentError',
  NOT_FOUND: 'NotFoundError',
  ALREADY_EXISTS: 'ConflictError',
  ABORTED: 'ConflictError',
  FAILED_PRECONDITION: 'PreconditionError',
  PERMISSION_DENIED: 'AccessError',
  UNAUTHENTICATED: 'AccessError',
  RESOURCE_EXHAUSTED: 'BusyError',
  UNAVAILABLE: 'UnavailableError',
};
/** Codes that the service of another version, or a proxy, is reported with: their class is written by hand. */
const byHand = ['SERVICE_ERROR'];
const lineLength = 100;

/** Returns the module with one exception class a code. */
export function pythonErrors(): string {
  const entries = Object.entries(catalogue)
    .filter(([code]) => !byHand.includes(code))
    .map(([code, found]) => ({ code, ...(found as unknown as CatalogueEntry<DetailKinds>) }));
  const bases = [...new Set(entries.map(({ status }) => baseClass(status)))].sort();
  const names = entries.map(({ code }) => className(code));
  return [
    '"""Exception of each code of the error catalogue.',
    '',
    'Generated from shared/errors by ``make reference``: change the catalogue, not this file.',
    '"""',
    '',
    'from __future__ import annotations',
    '',
    'from typing import ClassVar',
    '',
    'from hyperswap._error_base import (',
    ...bases.map((base) => `    ${base},`),
    ')',
    '',
    '__all__ = [',
    ...[...names].sort().map((name) => `    "${name}",`),
    ']',
    ...entries.flatMap(classOf),
    '',
  ].join('\n');
}

type Entry = { readonly code: string } & CatalogueEntry<DetailKinds>;

function classOf({ code, status, kinds, sentence }: Entry): string[] {
  const filled = (wrap: (name: string) => string): string =>
    sentence(Object.fromEntries(Object.keys(kinds).map((name) => [name, wrap(name)])) as never);
  const details = Object.entries(kinds).map(([name, kind]) => `"${name}": "${kind}"`);
  // A brace of the sentence itself would be a field of the format.
  const format = filled((name) => `\u0001${name}\u0002`)
    .replaceAll(/[{}]/g, '$&$&')
    .replaceAll('\u0001', '{')
    .replaceAll('\u0002', '}');
  return [
    '',
    '',
    `class ${className(code)}(${baseClass(status)}):`,
    ...docstring(filled((name) => `‹${name}›`)),
    '',
    `    code: ClassVar[str] = "${code}"`,
    `    kinds: ClassVar[dict[str, str]] = {${details.join(', ')}}`,
    `    sentence: ClassVar[str] = ${JSON.stringify(format)}`,
  ];
}

function baseClass(status: Entry['status']): string {
  return (typeof status === 'string' ? baseOf[status] : undefined) ?? 'HyperswapError';
}

/** Returns `SceneNotFoundError` for `SCENE_NOT_FOUND`. */
function className(code: string): string {
  const words = code.split('_').map((word) => word[0]! + word.slice(1).toLowerCase());
  return `${words.join('')}Error`;
}

function docstring(text: string): string[] {
  const lines: string[] = [];
  let line = '    """';
  for (const word of text.replaceAll('\\', '\\\\').split(' ')) {
    const longer = line.trimEnd() === '' || line.endsWith('"""') ? line + word : `${line} ${word}`;
    if (longer.length > lineLength - 3) {
      lines.push(line);
      line = `    ${word}`;
    } else line = longer;
  }
  return [...lines, `${line}${line.endsWith('"') ? ' ' : ''}"""`];
}
