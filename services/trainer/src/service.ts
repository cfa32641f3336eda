import { adaptationParameterCount, adaptedWeight, findMethod, methodNames, methodSettings } from '@hyperswap/peft';
import type { NamedKey } from '@hyperswap/keys';
import type { Bus } from '@hyperswap/messaging';
import { MethodKind, TrainerServiceService, type TrainerServiceServer } from '@hyperswap/proto';
import { AdapterRegistry, listBackbones, withBackbone, type TrustedKeys } from '@hyperswap/registry';
import { clientStreamHandler, serverStreamHandler, unaryHandler, type HostedService } from '@hyperswap/rpc';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import type { Executor, ProgramClient } from '@hyperswap/tensor';
import type { TrainerProgram } from './engine/program.js';
import { getBackbone, importBackbone } from './backbone-calls.js';
import { baselines, findBaseline } from './engine/baselines/baselines.js';
import { exportBackbone } from './export-backbone.js';
import { presets } from './presets.js';
import { runBaseline } from './run-baseline.js';
import { runPretraining } from './run-pretraining.js';
import { runTraining } from './run-training.js';
import { SceneSource, type PreprocessingAddress } from './scene-source.js';
import type { TrainingContext } from './training-context.js';
import { methodRoles } from './roles.js';
import { Trainings } from './trainings.js';

export interface TrainerContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly executor: Executor;
  readonly logger: Logger;
  /** Backbone of trainings that name none. */
  readonly backbone: string;
  readonly precision: PrecisionChoice;
  /** Of work items. */
  readonly leaseMilliseconds: number;
  /** Trainings that ended are kept so long. */
  readonly keepJobsMilliseconds: number;
  /** Signs the adapters that are trained here. */
  readonly signingKey?: NamedKey;
  /** Whose adapters are used; undefined: everybody's. */
  readonly trustedKeys?: TrustedKeys;
  /** Asked when a training starts, since it may be this very process. */
  readonly preprocessing: () => PreprocessingAddress;
}

/** Trains adapters, pretrains backbones, and keeps them. */
export function createTrainerService(
  context: TrainerContext,
): HostedService & { start(): void; stop(): Promise<void> } {
  const { store, bus, executor, precision, logger } = context;
  const registry = new AdapterRegistry(store, bus, context.trustedKeys);
  // Loaded for the first training: a process that only keeps backbones has no use for TensorFlow.
  let loading: Promise<ProgramClient<TrainerProgram>> | undefined;
  const loadEngine = (): Promise<ProgramClient<TrainerProgram>> =>
    (loading ??= executor.load<TrainerProgram>(new URL('./engine/program.js', import.meta.url)));
  const trainings = new Trainings(
    {
      store,
      bus,
      logger,
      leaseMilliseconds: context.leaseMilliseconds,
      keepMilliseconds: context.keepJobsMilliseconds,
    },
    async (given, running) => {
      const scenes = new SceneSource(context.preprocessing());
      try {
        const engine = await loadEngine();
        const { signingKey } = context;
        const training: TrainingContext = { store, registry, engine, scenes, precision, signingKey, ...running };
        if (given.kind === 'pretraining') return await runPretraining(given.request, training);
        const { request } = given;
        return await (findBaseline(request.method) === undefined
          ? runTraining(request, training)
          : runBaseline(request, training));
      } finally {
        scenes.close();
      }
    },
  );

  const implementation: TrainerServiceServer = {
    startTraining: unaryHandler(async (given) => {
      // Named now: the process that runs it may be configured otherwise.
      const backbone = given.backbone === '' ? context.backbone : given.backbone;
      return { training: await trainings.start({ kind: 'training', request: { ...given, backbone } }) };
    }),
    startPretraining: unaryHandler(async (request) => ({
      training: await trainings.start({ kind: 'pretraining', request }),
    })),
    watchTraining: serverStreamHandler(({ training }, { signal }) => trainings.watch(training, signal)),
    cancelTraining: unaryHandler(async ({ training }) => {
      await trainings.cancel(training);
      return {};
    }),
    listTrainings: unaryHandler(async () => ({ trainings: await trainings.list() })),
    importBackbone: clientStreamHandler((requests) => importBackbone(store, requests)),
    listBackbones: unaryHandler(async () => ({ names: await listBackbones(store) })),
    getBackbone: unaryHandler(async ({ backbone }) => ({ backbone: await getBackbone(store, backbone) })),
    exportBackbone: serverStreamHandler(({ backbone }) => exportBackbone(store, backbone)),
    listMethods: unaryHandler(async ({ backbone: name }) => {
      const wanted = name === '' ? context.backbone : name;
      const config = await withBackbone(store, wanted, (backbone) => Promise.resolve(backbone.config));
      const methods = methodNames.map((methodName) => {
        const method = findMethod(methodName);
        const settings = methodSettings(method, adaptedWeight(config));
        return {
          name: methodName,
          description: method.description,
          settings: Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
          parameters: adaptationParameterCount({ method, settings }, config),
          kind: method.scope === 'backbone' ? MethodKind.METHOD_KIND_BACKBONE : MethodKind.METHOD_KIND_ADAPTER,
        };
      });
      const compared = baselines.map(({ name: baseline, description }) => ({
        name: baseline,
        description,
        settings: {},
        parameters: 0,
        kind: MethodKind.METHOD_KIND_BASELINE,
      }));
      return { methods: [...methods, ...compared] };
    }),
    listPresets: unaryHandler(() =>
      Promise.resolve({
        presets: presets.map(({ name, patchSize, normalizer, classes, counts }) => ({
          name,
          patchSize,
          normalizer,
          classes: [...classes],
          counts: [...counts],
        })),
      }),
    ),
  };
  return {
    name: 'hyperswap.v1.TrainerService',
    definition: TrainerServiceService,
    implementation: { ...implementation },
    roles: methodRoles,
    // Not before this process serves: a training may ask its own preprocessing service.
    start: () => {
      trainings.begin();
    },
    stop: () => trainings.stop(),
  };
}
