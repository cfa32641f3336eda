/**
 * Every RPC of a real process with hostile text in every place of its requests where text goes. RPCs and places come
 * from the descriptors, so that new ones are tried too.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DescMethod } from '@bufbuild/protobuf';
import { isErrorCode, isId } from '@hyperswap/errors';
import { JobKind, Padding, Retention } from '@hyperswap/proto';
import { mapOf, startPod, type Pod } from '../support/fleet.js';
import { changesOf, folderState } from '../support/folder-state.js';
import { hostileTexts, notUtf8 } from '../support/hostile-strings.js';
import { inBandErrors } from '../support/in-band-errors.js';
import { RawClient, type Outcome } from '../support/raw-client.js';
import { nameOf, requestsOf, servicesOf, textPlaces, type Hints, type PlacedText } from '../support/request-forms.js';
import { prepareToy, train } from '../support/services.js';

/** Milliseconds that a call may take to its first response or error, while others run beside it. */
const patience = 15_000;
const callsAtOnce = 8;
/** Bytes of an error with all its details. */
const largestError = 64 * 1024;
/** Paths that hostile texts name. */
const temptations = ['/tmp/outside', '/outside', path.join(tmpdir(), 'outside')];

const services = servicesOf('hyperswap.v1');

describe('hostile text in every field of every RPC', () => {
  let root: string;
  let home: string;
  let pod: Pod;
  let client: RawClient;
  let hints: Hints;
  let neighbours: Record<string, string>;
  let buckets: string[];
  let seeds: Record<string, string>;
  /** Ids of jobs of each kind, as a key of another bucket would name them. */
  const otherBuckets: Record<string, string> = {};
  let calls = 0;
  let slowest = { milliseconds: 0, what: '' };

  /** Objects and records that no call below has the right name to change. */
  const seedsNow = async (): Promise<Record<string, string>> => {
    const ids = Object.values(hints.texts).filter((text) => isId(text));
    const isSeed = (file: string): boolean =>
      /^store\/objects\/(scenes\/toy|adapters\/toy\/1)\//.test(file) || ids.some((id) => file.includes(id));
    return Object.fromEntries(Object.entries(await folderState(home)).filter(([file]) => isSeed(file)));
  };

  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'hyperswap-hostile-'));
    home = path.join(root, 'a', 'home');
    for (const folder of ['outside', 'trainings', 'cwd', 'a/outside/victim', 'a/trainings']) {
      await mkdir(path.join(root, folder), { recursive: true });
    }
    await writeFile(path.join(root, 'outside', 'victim'), 'kept');
    const environment = { ...process.env, HYPERSWAP_HOME: home, HYPERSWAP_LOG_LEVEL: 'silent' };
    pod = await startPod('preprocessing,trainer,tile-inference', environment, path.join(root, 'cwd'));
    client = new RawClient(pod.endpoint);
    await prepareToy(pod);
    await train(pod, { adapter: 'toy', settings: { epochs: '1' } });
    await mapOf(pod, 'toy@1', 0);
    const jobs: Record<string, string> = {};
    for (const bucket of await readdir(path.join(home, 'bus'))) {
      const [id] = (await readdir(path.join(home, 'bus', bucket)).catch(() => [])).filter((name) => name.length === 36);
      if (id !== undefined && bucket !== 'processes') jobs[bucket] = id;
    }
    const { 'jobs-training': training = '', 'jobs-classification': job = '' } = jobs;
    assert.match(`${training} ${job}`, /^[\da-f-]{36} [\da-f-]{36}$/);
    for (const [bucket, id] of Object.entries(jobs)) otherBuckets[`job of ${bucket}`] = `../${bucket}/${id}`;
    // Target of `../../../outside/victim` of a bucket: a job that can be cancelled.
    const running = await readFile(path.join(home, 'bus', 'jobs-classification', job, '1.json'), 'utf8');
    await writeFile(path.join(root, 'a', 'outside', 'victim', '1.json'), running);
    const stored = await readFile(path.join(home, 'store/objects/adapters/toy/1/adapter.safetensors'));
    const blob = stored.subarray(0, -32);
    hints = {
      texts: {
        training,
        job,
        first_job: job,
        second_job: job,
        resume_job: '',
        method: 'linear-probe',
        settings: '1',
        'StartTrainingRequest.settings key': 'epochs',
        'StartPretrainingRequest.settings key': 'steps',
        preset: '',
        backbone: '',
        'StartPretrainingRequest.backbone': 'fresh',
        from: '',
        size: 'mini',
        like: '',
        page_token: '',
        label_map: 'truth',
        label_maps: 'truth',
        'PrepareSceneHeader.name': 'fresh',
        'AdapterChunk.file': 'adapter.safetensors',
        'BackboneChunk.file': 'config.json',
      },
      numbers: {
        height: 4,
        width: 4,
        bands: 12,
        'ClassifyTilesHeader.bands': 16,
        patch_size: 9,
        tile_size: 8,
        halo: 0,
        row: 0,
        column: 0,
        page_size: 10,
        count: 12,
        small_count: 4,
        padding: Padding.PADDING_REFLECT,
        retention: Retention.RETENTION_REPLACE,
        'RequeueDeadLetterRequest.kind': JobKind.JOB_KIND_TRAINING,
      },
      bytes: {
        values: randomBytes(192),
        labels: new Uint8Array(16).fill(1),
        'Tile.pixels': new Uint8Array(256),
        'AdapterChunk.content': blob,
        blob,
      },
      choices: ['Split.per_class'],
      needed: ['StartTrainingRequest.split'],
    };
    neighbours = await folderState(root, (file) => file === path.join('a', 'home'));
    buckets = await readdir(path.join(home, 'bus'));
    seeds = await seedsNow();
  });

  after(async () => {
    client.close();
    await pod.kill();
    await rm(root, { recursive: true, force: true });
  });

  /** Returns what is wrong with the end of a call; undefined when nothing is. */
  function complaint(method: DescMethod, outcome: Outcome, isWatch: boolean): string | undefined {
    if (outcome.end === 'silent') return isWatch ? undefined : `nothing came within ${patience} ms`;
    if (outcome.end === 'answered') {
      return outcome.responses
        .flatMap((response) => inBandErrors(method.output, response))
        .map(({ code, message }) => unwanted(code, message, Buffer.byteLength(message)))
        .find((wrong) => wrong !== undefined);
    }
    const { error, trailerBytes } = outcome;
    return unwanted(error.code, error.message, trailerBytes);
  }

  function unwanted(code: string, message: string, bytes: number): string | undefined {
    const isCatalogued = isErrorCode(code) && !['INTERNAL', 'SERVICE_ERROR', 'SERVICE_UNREACHABLE'].includes(code);
    if (!isCatalogued) return `${code}: ${message.slice(0, 300)}`;
    return bytes > largestError ? `${code} of ${bytes} bytes` : undefined;
  }

  async function tryCall(
    method: DescMethod,
    isFull: boolean,
    placed?: PlacedText,
    kind = 'nothing',
  ): Promise<string[]> {
    const requests = requestsOf(method, hintsFor(method), isFull, placed).map(spoilEncoding);
    // A watch without a name may have nothing to tell.
    const isWatch = placed === undefined && method.methodKind === 'server_streaming';
    const start = performance.now();
    const outcome = await client.call(method, requests, isWatch ? 1000 : patience);
    calls += 1;
    const milliseconds = performance.now() - start;
    const what = `${method.parent.name}.${method.name}: ${kind} in ${placed === undefined ? 'no field' : nameOf(placed.place)}`;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, what };
    const isId = /^(training|job|first_job|second_job)$/.test(placed?.place.fields.at(-1)?.name ?? '');
    const isFound = isId && outcome.end === 'answered';
    const wrong = isFound ? 'something was found' : complaint(method, outcome, isWatch);
    return wrong === undefined ? [] : [`${what}: ${wrong}`];
  }

  function hintsFor({ parent }: DescMethod): Hints {
    const { texts } = hints;
    const job = parent.name === 'TrainingService' ? texts.training! : texts.job!;
    return { ...hints, texts: { ...texts, job } };
  }

  async function requireServing(): Promise<void> {
    for (const name of ['', ...services.map(({ typeName }) => typeName)]) {
      const request = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
      const outcome = await client.callPath('/grpc.health.v1.Health/Check', [request], patience);
      assert.equal(outcome.end === 'answered' && outcome.responses[0]?.toString('hex'), '0801', `health of ${name}`);
    }
    assert.equal(pod.process.exitCode ?? pod.process.signalCode, null);
  }

  for (const service of services) {
    for (const method of service.methods) {
      test(`${service.name}.${method.name} answers with a catalogued error or as usual`, async (context) => {
        const places = textPlaces(method.input);
        // With all names right, a call may delete what is there.
        const waiting = places.length > 0 ? [] : [() => tryCall(method, true)];
        for (const place of places) {
          for (const [kind, text] of Object.entries({ ...hostileTexts, ...otherBuckets })) {
            for (const isFull of [false, true]) waiting.push(() => tryCall(method, isFull, { place, text }, kind));
          }
        }
        const count = waiting.length;
        const found: string[] = [];
        const work = async (): Promise<void> => {
          for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) found.push(...(await next()));
        };
        await Promise.all(Array.from({ length: callsAtOnce }, work));
        context.diagnostic(`${count} calls`);
        assert.deepEqual(found, []);
        await requireServing();
      });
    }
  }

  test('nothing outside the home, no other bucket and no other object changed', async (context) => {
    context.diagnostic(
      `${calls} calls in all; the slowest took ${Math.round(slowest.milliseconds)} ms: ${slowest.what}`,
    );
    const outside = await folderState(root, (file) => file === path.join('a', 'home'));
    assert.deepEqual(changesOf(neighbours, outside), []);
    for (const file of temptations) await assert.rejects(access(file), `${file} was made`);
    assert.deepEqual(await readdir(home), ['bus', 'store']);
    assert.deepEqual(changesOf(seeds, await seedsNow()), []);
    const made = (await readdir(path.join(home, 'bus'))).filter((name) => !buckets.includes(name));
    // Jobs of a kind that there were none of.
    assert.deepEqual(
      made.filter((name) => !/^jobs-[a-z]+$/.test(name)),
      [],
    );
  });
});

/** Replaces the text that stands for bytes that are no UTF-8; its length stays, so that the message does. */
function spoilEncoding(request: Buffer): Buffer {
  const position = request.indexOf(notUtf8);
  if (position >= 0) request.fill(0xff, position, position + notUtf8.length);
  return request;
}
