/** Tables of dBase, the properties of a Shapefile ("dBASE .DBF File Structure", Borland). */
import { TextDecoder } from 'node:util';

const headerBytes = 32;
const fieldBytes = 32;
const endOfFields = 0x0d;
const deleted = 0x2a;

interface Field {
  readonly name: string;
  readonly type: string;
  readonly start: number;
  readonly length: number;
}

/**
 * Reads the rows of a table. Numbers are numbers, all else is text without the spaces around it.
 *
 * @param encoding of the text, as a file `.cpg` names it; UTF-8 where it is not known
 * @param fail makes the error of a reason
 * @returns a row a record; undefined for those that were deleted
 */
export function parseDbf(
  bytes: Uint8Array,
  encoding: string | undefined,
  fail: (reason: string) => Error,
): (Record<string, unknown> | undefined)[] {
  if (bytes.byteLength < headerBytes) throw fail('is truncated');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records = view.getUint32(4, true);
  const start = view.getUint16(8, true);
  const recordBytes = view.getUint16(10, true);
  // Some writers leave out the byte that ends the file; nothing else may be missing.
  if (start + records * recordBytes > bytes.byteLength) throw fail('is truncated');
  const decoder = decoderOf(encoding);
  const fields: Field[] = [];
  let place = 1;
  for (let offset = headerBytes; offset + fieldBytes <= start && bytes[offset] !== endOfFields; offset += fieldBytes) {
    const name = decoder.decode(bytes.subarray(offset, offset + 11)).split('\0')[0]!;
    const length = bytes[offset + 16]!;
    fields.push({ name, type: String.fromCharCode(bytes[offset + 11]!), start: place, length });
    place += length;
  }
  if (records > 0 && place > recordBytes) throw fail('describes columns that are longer than its rows');
  return Array.from({ length: records }, (_, record) => {
    const row = bytes.subarray(start + record * recordBytes, start + (record + 1) * recordBytes);
    if (row[0] === deleted) return undefined;
    const cells = fields.map(({ name, type, start: from, length }) => {
      const text = decoder
        .decode(row.subarray(from, from + length))
        .replaceAll('\0', ' ')
        .trim();
      const isNumber = 'NF'.includes(type) && text !== '' && Number.isFinite(Number(text));
      return [name, isNumber ? Number(text) : text] as const;
    });
    return Object.fromEntries(cells);
  });
}

/**
 * Returns the decoder of an encoding as a file `.cpg` names it: `UTF-8`, `1252`, `ANSI 1252`, `ISO-8859-1`, `88591`.
 */
function decoderOf(encoding = 'utf-8'): TextDecoder {
  const name = encoding.trim().toLowerCase();
  const page = /^(?:ansi |cp|windows-)?(125\d)$/.exec(name)?.[1];
  const latin = /^(?:iso[ -]?)?8859-?(\d{1,2})$/.exec(name)?.[1];
  const label = page !== undefined ? `windows-${page}` : latin !== undefined ? `iso-8859-${latin}` : name;
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
