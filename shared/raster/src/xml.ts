/** The little of XML that formats of this package need: elements by name, attributes, and the predefined entities. */

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** An element: the text of its attributes, and what is between its tags. */
export interface XmlElement {
  readonly attributes: string;
  readonly content: string;
}

/**
 * Returns the elements of a name in their order, those inside others of the same name left out. Takes time for each
 * character once.
 */
export function elementsOf(xml: string, name: string): XmlElement[] {
  const found: XmlElement[] = [];
  const open = new RegExp(`<${name}(?=[\\s/>])([^<>]*)>`, 'g');
  for (let match = open.exec(xml); match !== null; match = open.exec(xml)) {
    const attributes = match[1]!;
    if (attributes.endsWith('/')) {
      found.push({ attributes: attributes.slice(0, -1), content: '' });
      continue;
    }
    const end = xml.indexOf(`</${name}>`, open.lastIndex);
    if (end < 0) break;
    found.push({ attributes, content: xml.slice(open.lastIndex, end) });
    open.lastIndex = end;
  }
  return found;
}

/** Returns the attributes of an element, their entities resolved. */
export function attributesOf(text: string): Partial<Record<string, string>> {
  const pairs = [...text.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)];
  return Object.fromEntries(pairs.map(([, name, double, single]) => [name!, textOf(double ?? single ?? '')]));
}

/** Resolves entities. */
export function textOf(xml: string): string {
  return xml.replaceAll(/&(#x[\da-f]{1,6}|#\d{1,7}|\w{2,4});/gi, (whole: string, code: string) => {
    if (!code.startsWith('#')) return entities[code] ?? whole;
    const point = /^#x/i.test(code) ? Number.parseInt(code.slice(2), 16) : Number(code.slice(1));
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
