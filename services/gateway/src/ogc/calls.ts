/** Calls for an OGC client, with its own token: it may do what the token may. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Metadata } from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import {
  Reduction,
  Retention,
  SceneJobMode,
  SceneJobServiceClient,
  SceneServiceClient,
  type PrepareSceneResponse,
} from '@hyperswap/proto';
import { callUnary, eachPage, readStream } from '@hyperswap/rpc';
import { forwardedMetadata } from '../forwarded-metadata.js';
import type { Channels } from '../routes.js';
import type { OgcJob } from './job-status.js';
import type { OpenPreparations } from './open-preparations.js';
import type { ClassifyInputs, PrepareInputs } from './processes.js';

/** Milliseconds until a job is accepted. */
const startMilliseconds = 30_000;

export class OgcCalls {
  private readonly jobs: SceneJobServiceClient;
  private readonly scenes: SceneServiceClient;

  /**
   * @param headers of the request
   * @param signal aborted when the client leaves
   */
  constructor(
    channels: Channels,
    private readonly open: OpenPreparations,
    private readonly headers: IncomingHttpHeaders,
    private readonly signal: AbortSignal,
  ) {
    this.jobs = channels.client(SceneJobServiceClient, 'tile-inference');
    this.scenes = channels.client(SceneServiceClient, 'preprocessing');
  }

  /** Starts a map, which continues when the call ends. @returns its job @throws errors of ClassifyScene */
  async classify({ scene, adapter, probabilities, agreement }: ClassifyInputs): Promise<string> {
    const mode = agreement === undefined ? SceneJobMode.SCENE_JOB_MODE_EXACT : SceneJobMode.SCENE_JOB_MODE_ADAPTIVE;
    const request = { scene, adapter, chunkSize: 0, detached: true, probabilities, mode, agreement };
    const call = this.jobs.classifyScene(request, this.metadata(), { deadline: Date.now() + startMilliseconds });
    for await (const { event } of readStream(this.jobs, call, this.signal)) {
      if (event?.$case === 'accepted') return event.value.status!.job;
    }
    throw failure('INTERNAL', { reason: 'a job began without a name' });
  }

  /**
   * Starts a preparation that the service reads itself. The gateway holds its call until it ends.
   *
   * @returns its job
   * @throws GATEWAY_BUSY, and errors of PrepareScene
   */
  prepare({ source, name, attribution }: PrepareInputs): Promise<string> {
    const header = {
      ...{ name, source, attribution, raster: undefined, labelMaps: [], classes: [], resumeJob: '', pcaOf: '' },
      ...{ retention: Retention.RETENTION_KEEP, reduction: Reduction.REDUCTION_PCA },
    };
    return this.open.hold((signal) => {
      const call = this.scenes.prepareScene(this.metadata());
      call.write({ part: { $case: 'header', value: header } });
      call.end();
      return readStream<PrepareSceneResponse>(this.scenes, call, signal);
    });
  }

  /** Yields the jobs that are kept: maps, then preparations, each with the newest first. */
  async *all(): AsyncGenerator<OgcJob> {
    for await (const page of eachPage((one) => callUnary(this.jobs, 'listSceneJobs', one, this.options()))) {
      for (const { status, scene, adapter, probabilities } of page.jobs) {
        const by = adapter === undefined ? '' : `${adapter.name}@${adapter.version}`;
        yield { process: 'classify', status: status!, scene, by, hasProbabilities: probabilities };
      }
    }
    for await (const page of eachPage((one) => callUnary(this.scenes, 'listPreparations', one, this.options()))) {
      for (const { status, scene } of page.preparations) {
        yield { process: 'prepare', status: status!, scene, by: '', hasProbabilities: false };
      }
    }
  }

  /** Returns a job. @throws JOB_NOT_FOUND */
  async find(id: string): Promise<OgcJob> {
    for await (const job of this.all()) if (job.status.job === id) return job;
    throw failure('JOB_NOT_FOUND', { kind: 'classification or preparation', job: id });
  }

  /** Cancels a job. @throws JOB_NOT_FOUND */
  async cancel({ process, status: { job } }: OgcJob): Promise<void> {
    if (process === 'classify') await callUnary(this.jobs, 'cancelSceneJob', { job }, this.options());
    else await callUnary(this.scenes, 'cancelPreparation', { job }, this.options());
  }

  private options(): { readonly signal: AbortSignal; readonly metadata: Metadata } {
    return { signal: this.signal, metadata: this.metadata() };
  }

  private metadata(): Metadata {
    return forwardedMetadata(this.headers);
  }
}
