/**
 * Requests of every RPC, made from the descriptors that the server itself shows, so that an RPC or field that is new is
 * tried too.
 */
import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  ScalarType,
  toBinary,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescOneof,
  type DescService,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSetFile } from '@hyperswap/proto';

/** A place in a request where a text goes: the fields that lead there, and the side of the last one if it is a map. */
export interface TextPlace {
  readonly fields: readonly DescField[];
  readonly side: 'key' | 'value';
}

/** A text at a place of a request. */
export interface PlacedText {
  readonly place: TextPlace;
  readonly text: string;
}

/**
 * Values for a request that looks like a real one, by the name of a field, or by that of its message and its own:
 * `Split.seed`.
 */
export interface Hints {
  /** Values of text fields; keys of a map have its name and ` key`. */
  readonly texts: Readonly<Record<string, string>>;
  /** Values of numbers and enums. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, Uint8Array>>;
  /** Fields of oneofs to set, in place of the first. */
  readonly choices: readonly string[];
  /** Fields that are set even where they are optional. */
  readonly needed: readonly string[];
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetFile)));

/** Returns the services of a package, by name. */
export function servicesOf(packageName: string): DescService[] {
  return [...registry]
    .filter((type) => type.kind === 'service')
    .filter(({ file }) => file.proto.package === packageName)
    .sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
}

/** Returns all places of a message where a text goes: fields, items of lists, keys and values of maps, at any depth. */
export function textPlaces(type: DescMessage, above: readonly DescField[] = []): TextPlace[] {
  return type.fields.flatMap((field): TextPlace[] => {
    const fields = [...above, field];
    const found: TextPlace[] = [];
    if (field.fieldKind === 'map' && field.mapKey === ScalarType.STRING) found.push({ fields, side: 'key' });
    if (field.scalar === ScalarType.STRING) found.push({ fields, side: 'value' });
    const isOpen = field.message !== undefined && !above.some(({ message }) => message === field.message);
    if (isOpen) found.push(...textPlaces(field.message, fields));
    return found;
  });
}

/** Returns a place in words, for example `header.settings{key}`. */
export function nameOf({ fields, side }: TextPlace): string {
  const marks = fields.map((field) => {
    if (field.fieldKind === 'list') return `${field.name}[]`;
    return field.fieldKind === 'map' ? `${field.name}{${side}}` : field.name;
  });
  return marks.join('.');
}

/**
 * Returns the messages of one call, serialized: one of a unary request, one for each part of a request that is a stream
 * of parts.
 *
 * @param placed text that goes to one place; without it the request is as the hints say
 * @param isFull also sets what is optional, and numbers without a hint
 */
export function requestsOf(
  { input, methodKind }: DescMethod,
  hints: Hints,
  isFull: boolean,
  placed?: PlacedText,
): Buffer[] {
  const isStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const parts = isStream ? (input.oneofs[0]?.fields ?? []) : [];
  const forms =
    parts.length === 0
      ? [fill(input, hints, isFull, placed, 0)]
      : parts.map((part) => {
          const inside = placed?.place.fields[0] === part ? placed : undefined;
          return fill(input, hints, isFull, inside, 0, part);
        });
  return forms.map((form) => Buffer.from(toBinary(input, form.message)));
}

/** Depth of messages that are set though no text leads there. */
const maximumDepth = 6;

function fill(
  type: DescMessage,
  hints: Hints,
  isFull: boolean,
  placed: PlacedText | undefined,
  depth: number,
  chosen?: DescField,
): ReflectMessage {
  const form = reflect(type);
  const next = placed?.place.fields[0];
  for (const field of type.fields) {
    const isOnTheWay = field === next;
    const inside = isOnTheWay && placed !== undefined ? shorter(placed) : undefined;
    if (field.oneof !== undefined && field !== chosenOf(field.oneof, chosen ?? next, hints)) continue;
    const isWanted = isFull || !field.proto.proto3Optional || isNamed(hints.needed, field);
    if (!isOnTheWay && (!isWanted || depth > maximumDepth)) continue;
    setField(form, field, hints, isFull, inside, depth);
  }
  return form;
}

function setField(
  form: ReflectMessage,
  field: DescField,
  hints: Hints,
  isFull: boolean,
  inside: PlacedText | undefined,
  depth: number,
): void {
  const last = inside?.place.fields.length === 0 ? inside : undefined;
  const deeper = last === undefined ? inside : undefined;
  const message = (): ReflectMessage => fill(field.message!, hints, isFull, deeper, depth + 1);
  const value = (): unknown => {
    if (field.scalar === ScalarType.STRING && last?.place.side === 'value') return last.text;
    return scalar(field, hints, isFull);
  };
  switch (field.fieldKind) {
    case 'scalar':
      form.set(field, value());
      break;
    case 'enum':
      form.set(field, enumValue(field, hints));
      break;
    case 'message':
      form.set(field, message());
      break;
    case 'list': {
      const list = form.get(field);
      if (field.listKind === 'message') list.add(message());
      else if (field.listKind === 'enum') list.add(enumValue(field, hints));
      else if (field.scalar === ScalarType.STRING || isFull) list.add(value());
      break;
    }
    default: {
      const key = last?.place.side === 'key' ? last.text : (hintOf(hints.texts, field, ' key') ?? 'toy');
      if (field.mapKey === ScalarType.STRING) {
        form.get(field).set(key, field.mapKind === 'message' ? message() : value());
      }
    }
  }
}

/** Returns the field of a oneof that is set. */
function chosenOf({ fields }: DescOneof, wanted: DescField | undefined, { choices }: Hints): DescField | undefined {
  return fields.find((field) => field === wanted) ?? fields.find((field) => isNamed(choices, field)) ?? fields[0];
}

function shorter({ place, text }: PlacedText): PlacedText {
  return { place: { ...place, fields: place.fields.slice(1) }, text };
}

function isNamed(names: readonly string[], { parent, name }: DescField): boolean {
  return names.includes(`${parent.name}.${name}`);
}

function hintOf<Value>(
  values: Readonly<Record<string, Value>>,
  { parent, name }: DescField,
  more = '',
): Value | undefined {
  return values[`${parent.name}.${name}${more}`] ?? values[name + more];
}

function enumValue(field: DescField & { readonly enum: DescEnum }, { numbers }: Hints): number {
  // The first value says that none is given.
  return hintOf(numbers, field) ?? field.enum.values[1]?.number ?? 0;
}

function scalar(field: DescField, { texts, numbers, bytes }: Hints, isFull: boolean): unknown {
  const number = hintOf(numbers, field) ?? (isFull ? 1 : 0);
  switch (field.scalar) {
    case ScalarType.STRING:
      return hintOf(texts, field) ?? 'toy';
    case ScalarType.BOOL:
      return false;
    case ScalarType.BYTES:
      return hintOf(bytes, field) ?? new Uint8Array(16);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt(number);
    default:
      return number;
  }
}
