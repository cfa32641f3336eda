/** Calls that the gateway makes for a caller, with the caller's token. */
import type { IncomingHttpHeaders } from 'node:http';
import { failure } from '@hyperswap/errors';
import {
  Output,
  SceneJobServiceClient,
  SceneServiceClient,
  type MapRows,
  type Scene,
  type SceneJob,
} from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { forwardedMetadata } from '../forwarded-metadata.js';
import type { Channels } from '../routes.js';

/** Timeout for the look-up of a finished job, in milliseconds. */
const lookUpMilliseconds = 30_000;

/** Services with the rights of one caller. */
export class Caller {
  constructor(
    private readonly channels: Channels,
    private readonly headers: IncomingHttpHeaders,
  ) {}

  /** Returns a finished job. @throws JOB_NOT_FOUND, JOB_NOT_DONE, TOKEN_MISSING, TOKEN_INVALID, ROLE_MISSING */
  async finishedJob(job: string, signal: AbortSignal): Promise<SceneJob> {
    const client = this.channels.client(SceneJobServiceClient, 'tile-inference');
    const options = { deadline: Date.now() + lookUpMilliseconds };
    const call = client.watchSceneJob({ job }, forwardedMetadata(this.headers), options);
    for await (const { event } of readStream(client, call, signal)) {
      if (event?.$case === 'done') return event.value;
      if (event?.$case === 'progress' && event.value.done < event.value.total) break;
    }
    throw failure('JOB_NOT_DONE', { kind: 'classification', job, state: 'running' });
  }

  /** Returns a scene. @throws SCENE_NOT_FOUND */
  async scene(name: string, signal: AbortSignal): Promise<Scene> {
    const client = this.channels.client(SceneServiceClient, 'preprocessing');
    const { scene } = await callUnary(
      client,
      'getScene',
      { name },
      { signal, metadata: forwardedMetadata(this.headers) },
    );
    return scene!;
  }

  /** Returns the rows of a map, from top to bottom. @param reach pixels that smoothing reaches; 0 for none */
  async *rows({ status, probabilities }: SceneJob, reach: number, signal: AbortSignal): AsyncGenerator<MapRows> {
    const client = this.channels.client(SceneJobServiceClient, 'tile-inference');
    const outputs = [
      ...[Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE],
      ...(probabilities ? [Output.OUTPUT_PROBABILITIES] : []),
    ];
    const request = { job: status!.job, outputs, window: undefined, smoothingReach: reach };
    const call = client.readMap(request, forwardedMetadata(this.headers));
    for await (const { event } of readStream(client, call, signal)) {
      if (event?.$case === 'rows') yield event.value;
    }
  }
}
