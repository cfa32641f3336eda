import { fromBinary, type DescMessage } from '@bufbuild/protobuf';
import { isReflectMessage, reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';

/** Error inside a response: of one tile of a stream, or of one job of a list. */
export interface InBandError {
  readonly code: string;
  readonly message: string;
}

/** Returns the errors in a response, at any depth. @param response serialized message of the type */
export function inBandErrors(type: DescMessage, response: Uint8Array): InBandError[] {
  const found: InBandError[] = [];
  visit(reflect(type, fromBinary(type, response)), found);
  return found;
}

function visit(message: ReflectMessage, found: InBandError[]): void {
  if (message.desc.typeName === 'hyperswap.v1.ErrorStatus') found.push(message.message as unknown as InBandError);
  for (const field of message.sortedFields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === 'message') visit(message.get(field), found);
    if (field.fieldKind === 'list' && field.listKind === 'message') {
      for (const item of message.get(field)) if (isReflectMessage(item)) visit(item, found);
    }
    if (field.fieldKind === 'map' && field.mapKind === 'message') {
      for (const [, item] of message.get(field)) if (isReflectMessage(item)) visit(item, found);
    }
  }
}
