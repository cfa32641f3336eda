import { status as grpcCodes } from '@grpc/grpc-js';
import type { DescFile } from '@bufbuild/protobuf';
import { reflection, reflectionAlpha } from '@hyperswap/proto';
import { bidiStreamHandler } from '../handlers.js';
import type { HostedService } from '../hosted-service.js';
import type { Descriptors } from './descriptors.js';

type Request = reflection.ServerReflectionRequest;
type Response = reflection.ServerReflectionResponse;
type Answer = NonNullable<Response['messageResponse']>;

const names = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

/**
 * Returns the reflection services `grpc.reflection.v1` and `v1alpha`, whose messages are the same, after
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md.
 *
 * @param services full names of the hosted services; those of reflection itself are listed too
 * @param descriptors of every hosted service
 */
export function reflectionServices(services: readonly string[], descriptors: Descriptors): HostedService[] {
  const listed = [...services, ...names].sort();
  const serverReflectionInfo = bidiStreamHandler<Request, Response>(async function* (requests) {
    /** Files that this stream has seen; clients keep them. */
    const sent = new Set<DescFile>();
    for await (const request of requests) {
      const messageResponse = answer(request, listed, descriptors, sent);
      yield { validHost: request.host, originalRequest: request, messageResponse };
    }
  });
  const definitions = [reflection.ServerReflectionService, reflectionAlpha.ServerReflectionService];
  return names.map((name, index) => ({
    name,
    definition: definitions[index]!,
    implementation: { serverReflectionInfo },
    roles: {},
  }));
}

function answer(
  { messageRequest }: Request,
  services: readonly string[],
  descriptors: Descriptors,
  sent: Set<DescFile>,
): Answer {
  const files = (found: DescFile | undefined, wanted: string): Answer => {
    if (found === undefined) return refusal(grpcCodes.NOT_FOUND, `${wanted} not found`);
    // The file that was asked for comes first.
    const missing = [...descriptors.withImports(found)].filter((file) => file === found || !sent.has(file)).reverse();
    for (const file of missing) sent.add(file);
    return {
      $case: 'fileDescriptorResponse',
      value: { fileDescriptorProto: missing.map((file) => descriptors.encode(file)) },
    };
  };
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(descriptors.file(messageRequest.value), 'file');
    case 'fileContainingSymbol':
      return files(descriptors.fileOfSymbol(messageRequest.value), 'symbol');
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value;
      return files(descriptors.fileOfExtension(containingType, extensionNumber), 'extension');
    }
    case 'allExtensionNumbersOfType': {
      const baseTypeName = messageRequest.value;
      const extensionNumber = descriptors.extensionNumbers(baseTypeName);
      if (extensionNumber === undefined) return refusal(grpcCodes.NOT_FOUND, 'type not found');
      return { $case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } };
    }
    case undefined:
      return refusal(grpcCodes.INVALID_ARGUMENT, 'the request names nothing to look for');
  }
}

function refusal(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
