import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  toBinary,
  type AnyDesc,
  type DescFile,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Proto files of a descriptor set, found by file name, by symbol or by extension. */
export class Descriptors {
  private readonly registry: FileRegistry;
  /** By full name, for example `hyperswap.v1.Scene.height`. */
  private readonly bySymbol = new Map<string, DescFile>();
  private readonly encoded = new Map<DescFile, Buffer>();

  /** @param set a serialized `google.protobuf.FileDescriptorSet` that holds the imports of each of its files */
  constructor(set: Uint8Array) {
    this.registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, set));
    for (const type of this.registry) this.index(type);
  }

  static read(file: string): Descriptors {
    return new Descriptors(readFileSync(file));
  }

  /** Returns a file by its name, for example `hyperswap/v1/scene.proto`, or undefined. */
  file(name: string): DescFile | undefined {
    return this.registry.getFile(name);
  }

  /** Returns the file that declares a service, method, message, field, oneof, enum, value of an enum, or extension. */
  fileOfSymbol(name: string): DescFile | undefined {
    return this.bySymbol.get(name);
  }

  /** Returns the file that declares an extension of a message, by the number of its field. */
  fileOfExtension(message: string, field: number): DescFile | undefined {
    const extended = this.registry.getMessage(message);
    return extended && this.registry.getExtensionFor(extended, field)?.file;
  }

  /** Returns the numbers of all known extensions of a message; undefined when there is no such message. */
  extensionNumbers(message: string): number[] | undefined {
    if (this.registry.getMessage(message) === undefined) return undefined;
    return [...this.registry]
      .filter((type) => type.kind === 'extension')
      .filter(({ extendee }) => extendee.typeName === message)
      .map(({ number }) => number);
  }

  /** Returns a file and what it imports, directly or not, each before the files that need it. */
  withImports(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
    for (const imported of file.dependencies) if (!found.has(imported)) this.withImports(imported, found);
    return found.add(file);
  }

  /** Returns a file as a serialized `google.protobuf.FileDescriptorProto`, with the comments it was written with. */
  encode(file: DescFile): Buffer {
    const known = this.encoded.get(file) ?? Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto));
    this.encoded.set(file, known);
    return known;
  }

  private index(type: AnyDesc & { readonly file: DescFile; readonly typeName: string }): void {
    const { typeName, file } = type;
    this.bySymbol.set(typeName, file);
    switch (type.kind) {
      case 'message':
        for (const { name } of [...type.fields, ...type.oneofs]) this.bySymbol.set(`${typeName}.${name}`, file);
        break;
      case 'service':
        for (const { name } of type.methods) this.bySymbol.set(`${typeName}.${name}`, file);
        break;
      case 'enum': {
        // Values of an enum are in the scope around it.
        const scope = typeName.slice(0, typeName.lastIndexOf('.') + 1);
        for (const { name } of type.values) this.bySymbol.set(scope + name, file);
        break;
      }
      default:
    }
  }
}
