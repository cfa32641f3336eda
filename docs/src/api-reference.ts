/** Reference of the gRPC API, from the descriptors that `buf build` made of the protos with their comments. */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { descriptorSetFile } from '@hyperswap/proto';
import { table } from './table.js';

/** Numbers of fields in descriptor.proto, of which the paths of comments are made. */
const path = { message: 4, enumeration: 5, service: 6, field: 2, value: 2, method: 2 } as const;

const typeNames: Readonly<Partial<Record<Type, string>>> = {
  [Type.DOUBLE]: 'double',
  [Type.FLOAT]: 'float',
  [Type.INT64]: 'int64',
  [Type.UINT64]: 'uint64',
  [Type.INT32]: 'int32',
  [Type.BOOL]: 'bool',
  [Type.STRING]: 'string',
  [Type.BYTES]: 'bytes',
  [Type.UINT32]: 'uint32',
};

/** Returns the page of all services, messages and enums of `hyperswap.v1`. */
export function apiReference(): string {
  const { file: files } = fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetFile));
  const own = files.filter(({ package: name }) => name === 'hyperswap.v1');
  return [
    '# gRPC API',
    'Generated from `proto/hyperswap/v1` by `make reference`. Every server answers reflection, so that `grpcurl` and other tools show the same.',
    ...own.map(fileSection),
    '',
  ].join('\n\n');
}

function fileSection(file: FileDescriptorProto): string {
  const comments = commentsOf(file);
  return [
    `## ${file.name}`,
    ...file.service.map((service, index) => serviceSection(service, index, comments)),
    ...file.messageType
      .map((message, index) => ({ message, index }))
      .filter(({ message }) => message.field.length > 0)
      .map(({ message, index }) => messageSection(message, index, comments)),
    ...file.enumType.map((found, index) => enumSection(found, index, comments)),
  ].join('\n\n');
}

type Comments = (...path: readonly number[]) => string;

function commentsOf({ sourceCodeInfo }: FileDescriptorProto): Comments {
  const byPath = new Map((sourceCodeInfo?.location ?? []).map((found) => [found.path.join(), found.leadingComments]));
  return (...wanted) => (byPath.get(wanted.join()) ?? '').trim().replaceAll(/\s*\n\s*/g, ' ');
}

function serviceSection({ name, method }: ServiceDescriptorProto, index: number, comment: Comments): string {
  const streamed = (isStream: boolean, type: string): string => `${isStream ? 'stream ' : ''}${shortName(type)}`;
  const rows = method.map((found, place) => [
    `\`${found.name}\``,
    `${streamed(found.clientStreaming, found.inputType)} → ${streamed(found.serverStreaming, found.outputType)}`,
    comment(path.service, index, path.method, place),
  ]);
  return [`### ${name}`, comment(path.service, index), table(['call', 'messages', 'meaning'], rows)].join('\n\n');
}

function messageSection({ name, field }: DescriptorProto, index: number, comment: Comments): string {
  const rows = field.map((found, place) => [
    `\`${found.name}\``,
    typeOf(found),
    comment(path.message, index, path.field, place),
  ]);
  return [`#### ${name}`, comment(path.message, index), table(['field', 'type', 'meaning'], rows)].join('\n\n');
}

function enumSection({ name, value }: EnumDescriptorProto, index: number, comment: Comments): string {
  const rows = value.map((found, place) => [`\`${found.name}\``, comment(path.enumeration, index, path.value, place)]);
  return [`#### ${name}`, comment(path.enumeration, index), table(['value', 'meaning'], rows)].join('\n\n');
}

function typeOf({ type, typeName, label, proto3Optional }: FieldDescriptorProto): string {
  const name = typeNames[type] ?? shortName(typeName);
  if (label === Label.REPEATED) return name.endsWith('Entry') ? 'map' : `repeated ${name}`;
  return proto3Optional ? `optional ${name}` : name;
}

function shortName(type: string): string {
  return type.replace(/^\./, '').replace(/^hyperswap\.v1\./, '');
}
