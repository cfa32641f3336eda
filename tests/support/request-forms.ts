/** Requests of every RPC, made from the descriptors that the server itself shows, so that an RPC or field that is new is tried too. */
import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescOneof,
  type DescService,
  type Registry,
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

/** Values of fields by name, for a request that looks like a real one. */
export interface Hints {
  readonly texts: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, Uint8Array>>;
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetFile)));

/** Types of all messages of the contract. */
export const messageTypes: Registry = registry;

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

/** Returns a place in words, as `header.settings{key}`. */
export function nameOf({ fields, side }: TextPlace): string {
  const marks = fields.map((field) => {
    if (field.fieldKind === 'list') return `${field.name}[]`;
    return field.fieldKind === 'map' ? `${field.name}{${side}}` : field.name;
  });
  return marks.join('.');
}

/**
 * Returns the messages of one call, serialized: one of a unary request, one for each part of a request that is a stream of parts.
 *
 * @param placed text that goes to one place; without it the request is as the hints say
 * @param isFull also sets numbers, flags and messages that are not on the way to the text
 */
export function requestsOf(
  { input, methodKind }: DescMethod,
  hints: Hints,
  isFull: boolean,
  placed?: PlacedText,
): Buffer[] {
  const [parts] = input.oneofs;
  const isStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const forms =
    isStream && parts !== undefined
      ? parts.fields.map((part) => {
          const isOnTheWay = placed?.place.fields[0] === part;
          return fill(input, hints, isFull, isOnTheWay ? placed : undefined, 0, new Map([[parts, part]]));
        })
      : [fill(input, hints, isFull, placed, 0)];
  return forms.map((form) => Buffer.from(toBinary(input, form.message)));
}

/** Depth of messages that are set though no text leads there. */
const maximumDepth = 4;

function fill(
  type: DescMessage,
  hints: Hints,
  isFull: boolean,
  placed: PlacedText | undefined,
  depth: number,
  chosen: ReadonlyMap<DescOneof, DescField> = new Map(),
): ReflectMessage {
  const form = reflect(type);
  const [next] = placed?.place.fields ?? [];
  for (const field of type.fields) {
    const { oneof } = field;
    if (oneof !== undefined) {
      const onTheWay = next?.oneof === oneof ? next : undefined;
      if (field !== (chosen.get(oneof) ?? onTheWay ?? oneof.fields[0])) continue;
    }
    const inside = field === next ? placed : undefined;
    const rest = inside && { ...inside, place: { ...inside.place, fields: inside.place.fields.slice(1) } };
    const isLast = rest?.place.fields.length === 0;
    const text = (): string => (isLast ? rest.text : (hints.texts[field.name] ?? 'toy'));
    const message = (): ReflectMessage => fill(field.message!, hints, isFull, isLast ? undefined : rest, depth + 1);
    const hasMessage = rest !== undefined || chosen.size > 0 || (isFull && depth < maximumDepth);
    switch (field.fieldKind) {
      case 'scalar':
        if (field.scalar === ScalarType.STRING) form.set(field, text());
        else if (isFull || field.scalar === ScalarType.BYTES) form.set(field, scalar(field, hints));
        break;
      case 'enum':
        // The first value says that none is given.
        form.set(field, field.enum.values[1]?.number ?? 0);
        break;
      case 'message':
        if (hasMessage) form.set(field, message());
        break;
      case 'list': {
        const list = form.get(field);
        if (field.listKind === 'message') {
          if (hasMessage) list.add(message());
        } else if (field.listKind === 'enum') list.add(field.enum.values[1]?.number ?? 0);
        else if (field.scalar === ScalarType.STRING) list.add(text());
        else if (isFull) list.add(scalar(field, hints));
        break;
      }
      default: {
        const map = form.get(field);
        const isKey = isLast && rest.place.side === 'key';
        const key = isKey ? rest.text : (hints.texts[`${field.name} key`] ?? 'toy');
        if (field.mapKey !== ScalarType.STRING || (!isFull && rest === undefined)) break;
        if (field.mapKind === 'message') map.set(key, message());
        else if (field.scalar !== ScalarType.STRING) map.set(key, scalar(field, hints));
        else map.set(key, isLast && !isKey ? rest.text : (hints.texts[field.name] ?? 'toy'));
      }
    }
  }
  return form;
}

function scalar({ name, scalar: type }: DescField, { numbers, bytes }: Hints): unknown {
  switch (type) {
    case ScalarType.STRING:
      return '';
    case ScalarType.BOOL:
      return false;
    case ScalarType.BYTES:
      return bytes[name] ?? new Uint8Array(16);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt(numbers[name] ?? 1);
    default:
      return numbers[name] ?? 1;
  }
}
