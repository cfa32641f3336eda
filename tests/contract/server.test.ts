import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import {
  SceneServiceClient,
  SceneServiceService,
  TrainingServiceClient,
  TrainingServiceService,
  type PrepareSceneRequest,
  type PrepareSceneResponse,
  type TrainingServiceServer,
  type WatchTrainingResponse,
} from '@hyperswap/proto';
import { bidiStreamHandler, callUnary, connect, readStream, startServer } from '@hyperswap/rpc';
import { collect } from '../support/collect.js';
import { hasCode } from '../support/errors.js';

test('a call outlives its connection, which takes no more calls when it is old', async () => {
  const peers = new Set<string>();
  const implementation: Pick<TrainingServiceServer, 'watchTraining' | 'listTrainings'> = {
    watchTraining: (call) => {
      peers.add(call.getPeer());
      const tell = async (): Promise<void> => {
        for (let done = 0; done < 20; done++) {
          const value = { progress: { stage: 'training', done, total: 20 }, epoch: 0, loss: undefined };
          call.write({ event: { $case: 'progress', value } } satisfies WatchTrainingResponse);
          await setTimeout(100);
        }
        call.end();
      };
      void tell();
    },
    listTrainings: (call, answer) => {
      peers.add(call.getPeer());
      answer(null, { trainings: [], nextPageToken: '' });
    },
  };
  const hosted = {
    name: 'hyperswap.v1.TrainingService',
    definition: TrainingServiceService,
    implementation,
    roles: {},
  };
  const limits = { ageMilliseconds: 300, keepaliveMilliseconds: 1000 };
  const server = await startServer([hosted], { host: '127.0.0.1', port: 0, ...limits });
  const trainings = connect(TrainingServiceClient, server.endpoint);
  try {
    let heard = 0;
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training: 'long' }))) {
      heard += event?.$case === 'progress' ? 1 : 0;
      if (heard === 15) await callUnary(trainings, 'listTrainings', { pageSize: 0, pageToken: '' });
    }
    assert.equal(heard, 20);
    assert.equal(peers.size, 2, 'the second call has a connection of its own');
  } finally {
    trainings.close();
    await server.drain(1000);
  }
});

test('an error behind a message on its way reaches a client whose requests are still waited for', async () => {
  const prepareScene = bidiStreamHandler((requests: AsyncIterable<PrepareSceneRequest>) => {
    async function* respond(): AsyncGenerator<PrepareSceneResponse> {
      void requests[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined);
      await setTimeout(10);
      yield { event: undefined };
      throw failure('SCENE_NOT_FOUND', { scene: 'x' });
    }
    return respond();
  });
  const name = 'hyperswap.v1.SceneService';
  const hosted = { name, definition: SceneServiceService, implementation: { prepareScene }, roles: {} };
  const server = await startServer([hosted], { host: '127.0.0.1', port: 0 });
  const client = connect(SceneServiceClient, server.endpoint);
  try {
    const call = client.prepareScene();
    const answered = collect(readStream(client, call, AbortSignal.timeout(5_000)));
    await assert.rejects(answered, hasCode('SCENE_NOT_FOUND'));
  } finally {
    client.close();
    await server.drain(0);
  }
});
