/** `hyperswap top` as operators use it: a fleet that works, and the command in a process of its own. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { FleetHistory, type FleetLoad, type PodLoad } from '@hyperswap/cli';
import { FleetServiceClient } from '@hyperswap/proto';
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

  /** Load as the command shows it, without its process. */
  const history = new FleetHistory(0.5);
  const watching = new AbortController();
  let watched: Promise<void>;

  const top = async (...args: readonly string[]): Promise<string> => {
    const command = [commandFile, '--endpoint', other.endpoint, 'top', ...args];
    return (await promisify(execFile)(process.execPath, command)).stdout;
  };
  const portOf = ({ endpoint }: Pod): string => `:${endpoint.split(':')[1]}`;
  const loadOf = ({ pods }: FleetLoad, pod: Pod): PodLoad => pods.find((load) => load.pod.endsWith(portOf(pod)))!;
  /** Waits for a load that passes a check. */
  const seen = (check: (load: FleetLoad) => void): Promise<void> =>
    eventually(120_000, async () => {
      await Promise.resolve();
      check(history.load());
    });

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
    const client = connect(FleetServiceClient, other.endpoint);
    watched = (async () => {
      for await (const news of readStream(client, client.watchFleet({ interval: toDuration(500) }), watching.signal)) {
        history.add(news);
      }
    })().finally(() => client.close());
    watched.catch(() => undefined);
  });

  after(async () => {
    watching.abort();
    await watched.catch(() => undefined);
    stream.close();
    await flooding;
    await fleet.stop();
  });

  test('shows every process of the fleet, whichever is asked, and figures that move', async () => {
    await seen((load) => {
      const ports = load.pods.map(({ pod }) => `:${pod.split(':')[1]}`);
      assert.deepEqual(ports.sort(), [busy, other].map(portOf).sort());
      const working = loadOf(load, busy);
      assert.ok(working.patchesPerSecond > 0 && working.pixelsPerSecond > 0 && working.tilesPerSecond > 0);
      assert.ok(working.batches.perSecond > 0 && working.batches.fill! > 0);
      assert.ok(working.flows.interactive.waitP50 !== null && working.flows.interactive.waitingPatches > 0);
      assert.ok(working.flows.interactive.waitP99! >= working.flows.interactive.waitP50);
    });
    const load = history.load();
    const [working, idle] = [loadOf(load, busy), loadOf(load, other)];
    assert.deepEqual([working.state, idle.state], ['serving', 'serving']);
    assert.equal(working.model?.backbone, 'spectralgpt-mini');
    assert.match(working.model.precision, /^(float32|bfloat16|int8)$/);
    assert.equal(idle.patchesPerSecond, 0);
    assert.equal(working.bindings.bound, 1);
    assert.ok(working.bindings.bytes > 0 && working.residentBytes > 1e8);
    const tilesOf = ({ adapters }: FleetLoad): number =>
      adapters.find(({ adapter }) => adapter === 'watched@1')?.tiles ?? 0;
    await seen((later) => assert.ok(tilesOf(later) > tilesOf(load)));
    await seen((later) => assert.ok(loadOf(later, busy).liveTensors! > 0, 'the engine answers'));
  });

  test('shows a job while it waits or runs, and when it is done', async () => {
    const statesOf = ({ jobs }: FleetLoad): Readonly<Record<string, number>> =>
      jobs.find(({ kind }) => kind === 'classification')?.states ?? {};
    const job = mapOf(other, 'watched', 16);
    await seen((load) => assert.ok((statesOf(load).running ?? 0) + (statesOf(load).queued ?? 0) > 0));
    await job;
    await seen((load) => assert.equal(statesOf(load).done, 1));
  });

  test('counts errors by code', async () => {
    await seen(({ errors }) => {
      const found = errors.find(({ of, code }) => of === 'tile' && code === 'ADAPTER_NOT_FOUND');
      assert.equal(found?.count, 1);
    });
  });

  test('prints the same as JSON', async () => {
    const printed = JSON.parse(await top('--once', '--json', '--interval', '2')) as FleetLoad;
    assert.equal(printed.pods.length, 2);
    assert.ok(printed.adapters.some(({ adapter, tiles }) => adapter === 'watched@1' && tiles > 0));
    assert.deepEqual(
      Object.keys(printed).filter((key) => key in history.load()),
      Object.keys(history.load()),
    );
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
    await eventually(120_000, () => {
      assert.ok(output.includes('interactive') && output.includes('by load'), output);
      return Promise.resolve();
    });
    child.stdin.write('s');
    await eventually(60_000, () => {
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

  test('says that a killed process is silent', async () => {
    await busy.kill();
    await seen((load) => {
      assert.equal(loadOf(load, busy).state, 'silent');
      assert.equal(loadOf(load, other).state, 'serving');
    });
  });

  test('refuses an interval that is too short', async () => {
    const client = connect(FleetServiceClient, other.endpoint);
    const call = client.watchFleet({ interval: toDuration(10) });
    await assert.rejects(readStream(client, call).next(), hasCode('FIELD_INVALID'));
    client.close();
  });
});
