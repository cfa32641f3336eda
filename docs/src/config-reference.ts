/** Reference of all settings, from the schema of the configuration. */
import { describeSettings } from '@hyperswap/config';
import { table } from './table.js';

/** Returns the page of all settings with their environment variable, default and meaning. */
export function configReference(): string {
  const rows = describeSettings().map(({ key, environment, allowed, standard, meaning }) => [
    `\`${key}\``,
    `\`${environment}\``,
    allowed,
    standard === '' ? '' : `\`${standard}\``,
    meaning,
  ]);
  return [
    '# Configuration',
    'Generated from `shared/config` by `make reference`. A flag is stronger than the environment, the environment than the file of `--config`, and the file than the default. A wrong value stops the start.',
    table(['key', 'environment', 'allowed', 'default', 'meaning'], rows),
    '',
  ].join('\n\n');
}
