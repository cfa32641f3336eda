import { failure } from '@hyperswap/errors';
import type { NamedKey } from '@hyperswap/keys';
import type { JobRunner } from '@hyperswap/jobs';
import type { Bus } from '@hyperswap/messaging';
import { summarizeMetrics } from '@hyperswap/map';
import {
  TrainingServiceService,
  type Scene,
  type StartTrainingRequest,
  type TrainingServiceServer,
} from '@hyperswap/proto';
import { AdapterRegistry, type Backbones, type TrustedKeys } from '@hyperswap/registry';
import { serverStreamHandler, unaryHandler, watchHandler, type HostedService, type ServiceGroup } from '@hyperswap/rpc';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import type { Executor, ProgramClient } from '@hyperswap/tensor';
import type { TrainerProgram } from './engine/program.js';
import { createBackboneService } from './backbone-service.js';
import { checkPretraining } from './check-pretraining.js';
import { checkTraining } from './check-training.js';
import { findRival } from '@hyperswap/rivals';
import { findBaseline } from './engine/baselines/baselines.js';
import { listMethods, listPresets } from './list-methods.js';
import { previewSplit } from './preview-split.js';
import { runBaseline } from './run-baseline.js';
import { runRival } from './run-rival.js';
import { runPretraining } from './run-pretraining.js';
import { runTraining } from './run-training.js';
import { SceneSource, type PreprocessingAddress } from './scene-source.js';
import type { TrainingContext } from './training-context.js';
import { trainingRoles } from './roles.js';
import { Trainings } from './trainings.js';

export interface TrainerContext {
  readonly store: ObjectStore;
  readonly backbones: Backbones;
  readonly bus: Bus;
  /** Runner of this process's jobs, which has not begun yet. */
  readonly jobs: JobRunner;
  readonly executor: Executor;
  /** Default backbone of trainings. */
  readonly backbone: string;
  readonly precision: PrecisionChoice;
  /** Memory limit of one training in bytes. */
  readonly trainingBytes: number;
  /** Folder of HyperSIGMA's released weights; empty for random weights. */
  readonly hyperSigmaWeights: string;
  /** Key that signs adapters trained here. */
  readonly signingKey?: NamedKey;
  /** Keys whose signatures are trusted; undefined trusts every adapter. */
  readonly trustedKeys?: TrustedKeys;
  /** Called when a training starts, because the preprocessing service may be part of this process. */
  readonly preprocessing: () => PreprocessingAddress;
}

/** Maximum trainings of one CheckTrainings call. */
const maximumChecks = 1000;

/** Returns the services that train adapters, pretrain backbones, and store backbones. */
export function createTrainerServices(context: TrainerContext): ServiceGroup {
  const { store, backbones, bus, jobs, executor, precision, trainingBytes, hyperSigmaWeights } = context;
  const registry = new AdapterRegistry(store, bus, backbones, context.trustedKeys);
  // Loaded for the first training: a process that only stores backbones does not need TensorFlow.
  let loading: Promise<ProgramClient<TrainerProgram>> | undefined;
  const loadEngine = (): Promise<ProgramClient<TrainerProgram>> =>
    (loading ??= executor.load<TrainerProgram>(new URL('./engine/program.js', import.meta.url)));
  const trainings = new Trainings(jobs, store, async (given, running) => {
    const scenes = new SceneSource(context.preprocessing());
    try {
      const engine = await loadEngine();
      const { signingKey } = context;
      const own = { store, registry, backbones, engine, scenes, precision, hyperSigmaWeights, signingKey };
      const training: TrainingContext = { ...own, ...running };
      if (given.kind === 'pretraining') return await runPretraining(given.request, training);
      const { request } = given;
      if (findBaseline(request.method) !== undefined) return await runBaseline(request, training);
      if (findRival(request.method) !== undefined) return await runRival(request, training);
      return await runTraining(request, training);
    } finally {
      scenes.close();
    }
  });

  /** From here on requests name their backbone: the process that runs a training may have another default. */
  const complete = (request: StartTrainingRequest): StartTrainingRequest => ({
    ...request,
    backbone: request.backbone === '' ? context.backbone : request.backbone,
  });
  const withScenes = async <Result>(check: (scenes: SceneSource) => Promise<Result>): Promise<Result> => {
    const scenes = new SceneSource(context.preprocessing());
    try {
      return await check(scenes);
    } finally {
      scenes.close();
    }
  };
  /** @returns the scene of each request */
  const check = (requests: readonly StartTrainingRequest[], signal: AbortSignal): Promise<Scene[]> =>
    withScenes(async (scenes) => {
      const found: Scene[] = [];
      const own = { backbones, trainingBytes, scenes, signal };
      for (const request of requests) found.push(await checkTraining(request, own));
      return found;
    });

  const implementation: TrainingServiceServer = {
    startTraining: unaryHandler(async (given, { signal }) => {
      const request = complete(given);
      const [scene] = await check([request], signal);
      const pinned = { ...request, sceneDigest: scene!.digest };
      return { training: await trainings.start({ kind: 'training', request: pinned }) };
    }),
    checkTrainings: unaryHandler(async ({ trainings: given }, { signal }) => {
      if (given.length > maximumChecks) {
        throw failure('FIELD_INVALID', {
          field: 'trainings',
          reason: `${given.length} are more than ${maximumChecks}`,
        });
      }
      await check(given.map(complete), signal);
      return {};
    }),
    previewSplit: serverStreamHandler(async function* ({ training: given }, { signal }) {
      const scenes = new SceneSource(context.preprocessing());
      try {
        yield* previewSplit(given, scenes, signal);
      } finally {
        scenes.close();
      }
    }),
    startPretraining: unaryHandler(async (request, { signal }) => {
      const sceneDigests = await withScenes((scenes) =>
        checkPretraining(request, { backbones, trainingBytes, scenes, signal }),
      );
      return { training: await trainings.start({ kind: 'pretraining', request: { ...request, sceneDigests } }) };
    }),
    watchTraining: watchHandler(({ training }, { signal }) => trainings.watch(training, signal)),
    cancelTraining: unaryHandler(async ({ training }) => {
      await trainings.cancel(training);
      return {};
    }),
    listTrainings: unaryHandler((request) => trainings.list(request)),
    readPredictions: serverStreamHandler(({ training }) => trainings.predictions(training)),
    summarizeMetrics: unaryHandler(({ groups }) =>
      Promise.resolve({
        summaries: groups.map(({ label, runs }) => {
          const { recalls, ...summary } = summarizeMetrics(runs);
          return { label, runs: runs.length, ...summary, recalls: [...recalls] };
        }),
      }),
    ),
    listMethods: unaryHandler(async ({ backbone }) => ({
      methods: listMethods((await backbones.describe(backbone || context.backbone)).config),
    })),
    listPresets: unaryHandler(() => Promise.resolve({ presets: listPresets() })),
  };
  const training: HostedService = {
    name: 'hyperswap.v1.TrainingService',
    definition: TrainingServiceService,
    implementation: { ...implementation },
    roles: trainingRoles,
  };
  return { services: [training, createBackboneService(backbones, context.backbone)] };
}
