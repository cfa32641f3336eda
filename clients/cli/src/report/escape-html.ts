/** Text made safe inside HTML and SVG. */
export function escapeHtml(content: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return content.replaceAll(/[&<>"]/g, (character) => entities[character]!);
}
