import { openInference } from '@hyperswap/proto';
import { bidiStreamHandler, unaryHandler, type HostedService } from '@hyperswap/rpc';
import { inferenceRoles } from '../roles.js';
import type { ServingStatistics } from '../serving-statistics.js';
import { modelConfig, modelMetadata, platform } from './describe-model.js';
import { infer, streamInfer, type InferContext } from './infer.js';
import { modelStatistics } from './model-statistics.js';
import { loadModel, repositoryIndex, unloadModel, type RepositoryContext } from './repository.js';

/** Full name of the service. */
const inferenceServiceName = 'inference.GRPCInferenceService';
/** Extensions of Triton that are served. */
const extensions = ['model_repository', 'model_configuration', 'statistics'];

export interface InferenceServiceContext extends InferContext, RepositoryContext {
  readonly statistics: ServingStatistics;
  /** Release of hyperswap. */
  readonly version: string;
  /** Returns true if a service of this process takes new work. */
  readonly isServing: (service: string) => boolean;
}

/**
 * Returns the service of the Open Inference Protocol, version 2. Calls that Triton has beside these are UNIMPLEMENTED.
 */
export function createInferenceService(context: InferenceServiceContext): HostedService {
  const { models, registry, statistics } = context;
  const implementation: openInference.GRPCInferenceServiceServer = {
    serverLive: unaryHandler(() => Promise.resolve({ live: true })),
    serverReady: unaryHandler(() => Promise.resolve({ ready: context.isServing(inferenceServiceName) })),
    modelReady: unaryHandler(async (model) => ({ ready: await models.isReady(model) })),
    serverMetadata: unaryHandler(() =>
      Promise.resolve({ name: platform, version: context.version, extensions: [...extensions] }),
    ),
    modelMetadata: unaryHandler(async (model) => {
      const record = await models.describe(model);
      const versions = (await registry.versions(record.name)).filter(({ retired }) => !retired);
      return modelMetadata(
        record,
        versions.map(({ version }) => version),
      );
    }),
    modelInfer: unaryHandler((request, call) => infer(context, request, call)),
    modelStreamInfer: bidiStreamHandler((requests, call) => streamInfer(context, requests, call)),
    modelConfig: unaryHandler(async (model) => ({ config: modelConfig(await models.describe(model)) })),
    modelStatistics: unaryHandler(async ({ name, version }) => {
      // A model that does not exist is an error; one that was not used has no statistics.
      if (name !== '') await models.describe({ name, version });
      return { modelStats: modelStatistics(statistics, name, version) };
    }),
    repositoryIndex: unaryHandler(({ ready }) => repositoryIndex(context, ready)),
    repositoryModelLoad: unaryHandler(async (request, { signal }) => ({
      modelName: await loadModel(context, request, signal),
      isLoaded: true,
    })),
    repositoryModelUnload: unaryHandler(async (request) => ({
      modelName: await unloadModel(context, request),
      isUnloaded: true,
    })),
  };
  return {
    name: inferenceServiceName,
    definition: openInference.GRPCInferenceServiceService,
    implementation: { ...implementation },
    roles: inferenceRoles,
  };
}
