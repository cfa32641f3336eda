/** `hyperswap top` as operators use it: a fleet that works, and the command in a process of its own. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FleetLoad } from '@hyperswap/cli';
import { FleetServiceClient, type PodReport } from '@hyperswap/proto';
import { connect, readStream, toDuration } from '@hyperswap/rpc';
import { commandFile } from '../support/command.js';
import { hasCode } from '../support/errors.js';
import { eventually, mapOf, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { serversMissing } from '../support/servers.js';
import { prepareToy } from '../support/services.js';
import { flood, registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

const terminal = '/usr/bin/script';
const leaveScreen = '\u001b[?25h\u001b[?1049l';

describe('hyperswap top', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let busy: Pod;
  let other: Pod;
  let stream: TileStream;
  let flooding: Promise<void>;

  const top = async (...args: readonly string[]): Promise<string> => {
    const command = [commandFile, '--endpoint', other.endpoint, 'top', ...args];
    return (await promisify(execFile)(process.execPath, command)).stdout;
  };
  const look = async (): Promise<FleetLoad> => JSON.parse(await top('--once', '--json')) as FleetLoad;
  const portOf = ({ endpoint }: Pod): string => `:${endpoint.split(':')[1]}`;

  before(async () => {
    fleet = await startFleet();
    [busy, other] = await Promise.all([
      fleet.startPod('preprocessing,tile-inference'),
      fleet.startPod('trainer,tile-inference'),
    ]);
    const scene = await prepareToy(busy);
    await registerMadeUp(busy, scene, 'watched', { patchSize: 9 });
    stream = new TileStream(busy.endpoint, scoreHeader(scene.name, 'watched'));
    flooding = flood(stream, scoreTile('t', 8, 4), 4);
    const wrong = new TileStream(busy.endpoint, scoreHeader(scene.name, 'missing'));
    await wrong.send(scoreTile('w', 8, 4));
    await wrong.read();
    wrong.close();
  });

  after(async () => {
    stream.close();
    await flooding;
    await fleet.stop();
  });

  test('shows every process of the fleet, whichever is asked, and figures that move', async () => {
    const first = await look();
    const ports = first.pods.map(({ pod }) => `:${pod.split(':')[1]}`);
    assert.deepEqual(ports.sort(), [busy, other].map(portOf).sort());
    const [working, idle] = [busy, other].map((pod) => first.pods.find((load) => load.pod.endsWith(portOf(pod)))!);
    assert.deepEqual([working!.state, idle!.state], ['serving', 'serving']);
    assert.equal(working!.model?.backbone, 'spectralgpt-mini');
    assert.match(working!.model.precision, /^(float32|bfloat16)$/);
    assert.ok(working!.patchesPerSecond > 0 && working!.pixelsPerSecond > 0 && working!.tilesPerSecond > 0);
    assert.equal(idle!.patchesPerSecond, 0);
    assert.ok(working!.batches.perSecond > 0 && working!.batches.fill! > 0);
    assert.ok(working!.flows.interactive.waitP50! > 0);
    assert.ok(working!.flows.interactive.waitP99! >= working!.flows.interactive.waitP50!);
    assert.equal(working!.bindings.bound, 1);
    assert.ok(working!.bindings.bytes > 0 && working!.liveTensors! > 0 && working!.residentBytes > 1e8);
    const second = await look();
    const tiles = [first, second].map(({ adapters }) => adapters.find(({ adapter }) => adapter === 'watched@1')!.tiles);
    assert.ok(tiles[1]! > tiles[0]!, `${tiles.join(' then ')} tiles`);
  });

  test('shows a job while it waits and runs, and the queue of jobs', async () => {
    const job = mapOf(other, 'watched', 16);
    let seen: FleetLoad | undefined;
    await eventually(30_000, async () => {
      const load = await look();
      const states = load.jobs.find(({ kind }) => kind === 'classification')?.states;
      if ((states?.running ?? 0) + (states?.queued ?? 0) > 0) seen = load;
      assert.ok(load.pods.some(({ flows }) => flows.jobs.waitP50 !== null || flows.jobs.patchesPerSecond > 0) || seen);
    });
    await job;
    const { jobs } = await look();
    assert.equal(jobs.find(({ kind }) => kind === 'classification')?.states.done, 1);
  });

  test('counts errors by code', async () => {
    const { errors } = await look();
    assert.ok(errors.some(({ of, code, count }) => of === 'tile' && code === 'ADAPTER_NOT_FOUND' && count === 1));
  });

  test('prints 80 columns once where no terminal is', async () => {
    const text = await top();
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    assert.match(text, /^watched@1 /m);
    assert.doesNotMatch(text, /\u001b/, 'no colours');
  });

  test('draws on a terminal until q, and leaves it as it was', { skip: !existsSync(terminal) }, async () => {
    const command = `${process.execPath} ${commandFile} --endpoint ${other.endpoint} top --interval 0.2`;
    const settings = 'stty -a';
    const child = spawn(terminal, ['-qec', `${settings}; ${command}; echo code $?; ${settings}`, '/dev/null']);
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await eventually(30_000, () => {
      assert.ok(output.includes('watched@1') && output.includes('by load'), output);
      return Promise.resolve();
    });
    child.stdin.write('s');
    await eventually(10_000, () => {
      assert.ok(output.includes('by wait'), 'another order');
      return Promise.resolve();
    });
    child.stdin.write('q');
    await ended;
    assert.match(output, /code 0/);
    assert.ok(output.includes(leaveScreen));
    const [before, , behind] = output.split(/\u001b\[\?1049[hl]/);
    assert.equal(behind!.replace(/^code 0\r\n/, ''), before, 'the settings of the terminal');
  });

  test('says that a killed process is silent, and reports end when nobody watches', async () => {
    const client = connect(FleetServiceClient, other.endpoint);
    const pods: PodReport[] = [];
    const controller = new AbortController();
    const call = client.watchFleet({ interval: toDuration(200) });
    const watching = (async () => {
      for await (const { event } of readStream(client, call, controller.signal)) {
        if (event?.$case === 'pod') pods.push(event.value);
      }
    })();
    const names = (): Set<string> => new Set(pods.map(({ pod }) => `:${pod.split(':')[1]}`));
    await eventually(20_000, () => {
      assert.equal(names().size, 2);
      return Promise.resolve();
    });
    await busy.kill();
    await setTimeout(500);
    pods.length = 0;
    await eventually(20_000, () => {
      assert.ok(pods.length > 5);
      return Promise.resolve();
    });
    assert.deepEqual([...names()], [portOf(other)]);
    controller.abort();
    await assert.rejects(watching, hasCode('CANCELLED'));
    client.close();
  });

  test('refuses an interval that is too short', async () => {
    const client = connect(FleetServiceClient, other.endpoint);
    const call = client.watchFleet({ interval: toDuration(10) });
    await assert.rejects(readStream(client, call).next(), hasCode('FIELD_INVALID'));
    client.close();
  });
});
