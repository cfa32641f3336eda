/** Directories of a TIFF file: TIFF 6.0, and BigTIFF where offsets need 64 bits. */

/** Numbers of the types of fields. */
const fieldTypes = { ascii: 2, short: 3, long: 4, double: 12, long8: 16 } as const;

/** Field of a directory. `offset` fields become LONG, or LONG8 in a BigTIFF. */
export type TiffField =
  | { readonly tag: number; readonly type: 'ascii'; readonly value: string }
  | { readonly tag: number; readonly type: 'short' | 'long' | 'double' | 'offset'; readonly values: readonly number[] };

/** Size of a file's offsets: 4 or 8 bytes. */
export interface TiffKind {
  readonly isBig: boolean;
}

/** Bytes of the file's header. */
export function headerBytes({ isBig }: TiffKind): number {
  return isBig ? 16 : 8;
}

/** Returns the header. @param first offset of the first directory */
export function writeHeader({ isBig }: TiffKind, first: number): Buffer {
  const header = Buffer.alloc(headerBytes({ isBig }));
  header.write('II', 'latin1');
  header.writeUInt16LE(isBig ? 43 : 42, 2);
  if (isBig) {
    header.writeUInt16LE(8, 4);
    header.writeBigUInt64LE(BigInt(first), 8);
  } else header.writeUInt32LE(first, 4);
  return header;
}

/** Returns the bytes of a directory with all values of its fields. */
export function directoryBytes(kind: TiffKind, fields: readonly TiffField[]): number {
  return fields.reduce(
    (sum, field) => {
      const { length } = encode(kind, field).bytes;
      return sum + (length > inlineBytes(kind) ? even(length) : 0);
    },
    tableBytes(kind, fields.length),
  );
}

/**
 * Returns a directory, and after it the values that do not fit its table. Positions are those of the directory in the
 * file, which is even, and of the directory after it, 0 for none.
 */
export function writeDirectory(
  kind: TiffKind,
  fields: readonly TiffField[],
  place: { readonly position: number; readonly next: number },
): Buffer {
  const { position, next } = place;
  const file = Buffer.alloc(directoryBytes(kind, fields));
  const entryBytes = kind.isBig ? 20 : 12;
  const putOffset = (value: number, at: number): void => {
    if (kind.isBig) file.writeBigUInt64LE(BigInt(value), at);
    else file.writeUInt32LE(value, at);
  };
  let at = kind.isBig ? 8 : 2;
  let overflow = tableBytes(kind, fields.length);
  if (kind.isBig) file.writeBigUInt64LE(BigInt(fields.length), 0);
  else file.writeUInt16LE(fields.length, 0);
  for (const field of [...fields].sort((first, second) => first.tag - second.tag)) {
    const { type, count, bytes } = encode(kind, field);
    file.writeUInt16LE(field.tag, at);
    file.writeUInt16LE(type, at + 2);
    putOffset(count, at + 4);
    const valueAt = at + (kind.isBig ? 12 : 8);
    if (bytes.length <= inlineBytes(kind)) file.set(bytes, valueAt);
    else {
      putOffset(position + overflow, valueAt);
      file.set(bytes, overflow);
      overflow += even(bytes.length);
    }
    at += entryBytes;
  }
  putOffset(next, at);
  return file;
}

function encode(
  { isBig }: TiffKind,
  field: TiffField,
): { readonly type: number; readonly count: number; readonly bytes: Buffer } {
  if (field.type === 'ascii') {
    const bytes = Buffer.from(`${field.value}\0`);
    return { type: fieldTypes.ascii, count: bytes.length, bytes };
  }
  const { values } = field;
  const type = field.type === 'offset' ? (isBig ? 'long8' : 'long') : field.type;
  const size = { short: 2, long: 4, double: 8, long8: 8 }[type];
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, index) => {
    if (type === 'short') bytes.writeUInt16LE(value, index * size);
    else if (type === 'long') bytes.writeUInt32LE(value, index * size);
    else if (type === 'double') bytes.writeDoubleLE(value, index * size);
    else bytes.writeBigUInt64LE(BigInt(value), index * size);
  });
  return { type: fieldTypes[type], count: values.length, bytes };
}

function inlineBytes({ isBig }: TiffKind): number {
  return isBig ? 8 : 4;
}

function tableBytes({ isBig }: TiffKind, fields: number): number {
  return isBig ? 8 + fields * 20 + 8 : even(2 + fields * 12 + 4);
}

function even(bytes: number): number {
  return bytes + (bytes % 2);
}
