/**
 * Returns what CHANGELOG.md says about a version: the section of that version, or the one of what is not released yet.
 *
 * @throws Error if there is no such section, or nothing in it
 */
export function releaseNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const titleOf = (section: string): string => section.slice(0, section.indexOf('\n')).trim();
  const found =
    sections.find((section) => titleOf(section).split(/\s/)[0] === version) ??
    sections.find((section) => titleOf(section) === 'Unreleased');
  const text = found?.slice(found.indexOf('\n')).trim() ?? '';
  if (text === '') throw new Error(`CHANGELOG.md has nothing about ${version}.`);
  return `# hyperswap ${version}\n\n${text}\n`;
}
