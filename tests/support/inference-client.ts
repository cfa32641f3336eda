/** A client of the Open Inference Protocol with the errors of the catalogue. */
import { openInference } from '@hyperswap/proto';
import { callUnary, connect, type CallOptions, type ClientAccess } from '@hyperswap/rpc';

const { GRPCInferenceServiceClient } = openInference;
type Request = openInference.ModelInferRequest;

export class InferenceClient {
  private readonly client: openInference.GRPCInferenceServiceClient;

  constructor(endpoint: string, access: ClientAccess = {}) {
    this.client = connect(GRPCInferenceServiceClient, endpoint, access);
  }

  /** Classifies one request. @throws the catalogued error that the service answered with */
  infer(request: Request, options: CallOptions = {}): Promise<openInference.ModelInferResponse> {
    return callUnary(this.client, 'modelInfer', request, options);
  }

  /** Calls a method of the repository. @throws the catalogued error that the service answered with */
  call<Name extends 'repositoryModelLoad' | 'repositoryModelUnload' | 'repositoryIndex'>(
    name: Name,
    request: Parameters<typeof callUnary<openInference.GRPCInferenceServiceClient, Name>>[2],
  ): ReturnType<typeof callUnary<openInference.GRPCInferenceServiceClient, Name>> {
    return callUnary(this.client, name, request);
  }

  close(): void {
    this.client.close();
  }
}

/** A request with one tile of pixels. @param parameters texts */
export function pixelRequest(
  modelName: string,
  values: Uint16Array | Float32Array,
  shape: readonly number[],
  parameters: Readonly<Record<string, string>> = {},
): Request {
  const datatype = values instanceof Float32Array ? 'FP32' : 'UINT16';
  return {
    modelName,
    modelVersion: '',
    id: '',
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        { parameterChoice: { $case: 'stringParam' as const, value } },
      ]),
    ),
    inputs: [{ name: 'tile', datatype, shape: [...shape], parameters: {}, contents: undefined }],
    outputs: [],
    rawInputContents: [Buffer.from(values.buffer, values.byteOffset, values.byteLength)],
  };
}
