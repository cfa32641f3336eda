import { escapeHtml } from './escape-html.js';

const style = `  body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1e; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
  img, svg { max-width: 100%; height: auto; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
  th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
  th { white-space: normal; vertical-align: bottom; }
  th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
  .confusion th:first-child { white-space: nowrap; }
  .headline { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
  .headline b { display: block; font-size: 2rem; line-height: 1.2; }
  .headline div { max-width: 16rem; }
  .charts { display: flex; flex-wrap: wrap; gap: 1rem; }
  .confusion td { min-width: 2.2rem; font-size: .8rem; padding: .1rem .3rem; border: 1px solid #fff; }
  .swatch { display: inline-block; width: 1em; height: .8em; margin-right: .5em; border: 1px solid #0005; }
  dt { font-weight: 600; } dd { margin: 0 0 .4rem; overflow-wrap: anywhere; }`;

/**
 * Returns a report as one page that needs no other file and fits a phone.
 *
 * @param title plain text
 * @param content HTML
 */
export function renderPage(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
${style}
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${content}
</body>
</html>
`;
}

/** Returns a table that scrolls by itself where the page is narrower. @param header and rows as HTML, row by row */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.map((cell) => `<th>${cell}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  return `<div class="wide"><table><tr>${head}</tr>\n${body}</table></div>`;
}

/** Returns a section, or nothing where it would be empty. @param title plain text @param content HTML */
export function renderSection(title: string, content: string): string {
  return content === '' ? '' : `<h2>${escapeHtml(title)}</h2>\n${content}`;
}
