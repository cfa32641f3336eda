/** Preparations: uploads that are interrupted, jobs that are watched and cancelled, scenes that are replaced. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { JobKind, JobState, Reduction, Retention, type PrepareSceneHeader, type Scene } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { rasterInfo, startServices, type Services } from '../support/services.js';
import { madeUpScene, send, sceneHeader, type UploadOutcome } from '../support/uploads.js';

/** Four blocks of 32 rows. */
const size = { height: 128, width: 1024, bands: 64 };
const blockRows = 32;

describe('preparations', () => {
  let services: Services;
  let store: DirectoryObjectStore;

  before(async () => {
    services = await startServices({ uploadLimit: 3 });
    store = new DirectoryObjectStore(path.join(services.home, 'store'));
  });

  after(() => services.stop());

  const objectsOf = async (id: string): Promise<string[]> =>
    [...(await store.list('scene-arrays/')), ...(await store.list('jobs/preparation/'))]
      .map(({ key }) => key)
      .filter((key) => key.includes(id) && !key.endsWith('/result'));

  const preparations = async () =>
    (await callUnary(services.scenes, 'listPreparations', { pageSize: 0, pageToken: '' })).preparations;

  const remove = (name: string) => callUnary(services.scenes, 'deleteScene', { name });

  /** Watches a preparation to its end. */
  async function watch(job: string): Promise<Scene | undefined> {
    for await (const { event } of readStream(services.scenes, services.scenes.watchPreparation({ job }))) {
      if (event?.$case === 'scene') return event.value;
    }
    return undefined;
  }

  /** Sends some rows and disconnects. */
  async function interrupt(name: string, rows: number, more: Partial<PrepareSceneHeader> = {}): Promise<string> {
    const source = madeUpScene(name, size, more);
    const goOn = async (row: number, { job }: { readonly job: string }): Promise<boolean> => {
      if (row < rows) return true;
      await eventually(20_000, async () => {
        const blocks = (await objectsOf(job)).filter((key) => key.includes('/bands/c/'));
        assert.equal(blocks.length, Math.floor(rows / blockRows));
      });
      return false;
    };
    const { accepted, scene } = await send(services, source, { goOn });
    assert.equal(scene, undefined);
    return accepted!.job;
  }

  test('a preparation is a job that anybody can watch, before and after its end', async () => {
    const source = madeUpScene('watched', size, { labelMaps: ['truth'] });
    const { accepted, scene, stages } = await send(services, source);
    assert.deepEqual([accepted!.nextRow, accepted!.nextLabelRows], [0, { truth: 0 }]);
    assert.equal(scene!.validPixels, size.height * size.width);
    assert.deepEqual(scene!.labelMaps, [
      { name: 'truth', labelledPixels: size.height * size.width, pixelsWithoutData: 0 },
    ]);
    assert.equal(scene!.classes.length, 5);
    assert.ok(stages.has('fitting the PCA') && stages.has('projecting'), [...stages].join());
    const { job } = accepted!;
    assert.deepEqual(await watch(job), scene);
    const listed = (await preparations()).find(({ status }) => status!.job === job)!;
    assert.equal(listed.scene, 'watched');
    assert.equal(listed.status!.kind, JobKind.JOB_KIND_PREPARATION);
    assert.equal(listed.status!.state, JobState.JOB_STATE_DONE);
    // The same content again changes nothing, and leaves nothing of its own.
    const again = await send(services, source);
    assert.deepEqual(again.scene, scene);
    await eventually(10_000, async () => assert.deepEqual(await objectsOf(again.accepted!.job), []));
    await remove('watched');
    assert.deepEqual(await objectsOf(job), []);
  });

  test('an upload whose call is cut off goes on at the row that the server names, and makes the same scene', async () => {
    const source = madeUpScene('cut', size, { labelMaps: ['truth'] });
    const undisturbed = (await send(services, source)).scene!;
    await remove('cut');
    const job = await interrupt('cut', 70, { labelMaps: ['truth'] });
    const waiting = (await preparations()).find(({ status }) => status!.job === job)!;
    assert.equal(waiting.status!.state, JobState.JOB_STATE_QUEUED);
    assert.equal(waiting.status!.progress!.stage, 'receiving');
    const { accepted, scene } = await send(services, source, { resumeJob: job });
    assert.deepEqual(accepted, { job, nextRow: 64, nextLabelRows: { truth: 0 }, nextLookupRow: undefined });
    assert.deepEqual(scene, undisturbed);
    // All rows are stored: a repeated call reports that, and returns the scene.
    const late = await send(services, source, { resumeJob: job });
    assert.deepEqual(late.accepted, { job, nextRow: 128, nextLabelRows: { truth: 128 }, nextLookupRow: undefined });
    assert.deepEqual(late.scene, undisturbed);
    await remove('cut');
  });

  test('only the same upload can be continued, and only one call at a time', async () => {
    const job = await interrupt('resumed', 64);
    const source = madeUpScene('resumed', size);
    const other = { ...source, header: { ...source.header, attribution: 'another' } };
    await assert.rejects(send(services, other, { resumeJob: job }), hasCode('FIELD_INVALID', /resume_job/));
    const unknown = '00000000-0000-4000-8000-000000000000';
    for (const id of [unknown, '../trainings/x']) {
      await assert.rejects(send(services, source, { resumeJob: id }), hasCode('UPLOAD_NOT_FOUND'));
      await assert.rejects(watch(id), hasCode('JOB_NOT_FOUND'));
    }
    // The first call hangs, as after a crash of its client; the second takes over.
    let second: Promise<UploadOutcome> | undefined;
    const first = send(services, source, {
      resumeJob: job,
      goOn: async (row) => {
        if (row > 64 && second === undefined) {
          second = send(services, source, { resumeJob: job });
          await second;
        }
        return true;
      },
    });
    await assert.rejects(first, hasCode('CANCELLED', /upload/));
    assert.ok((await second!).scene);
    await remove('resumed');
  });

  test('rows that are wrong end the upload, and nothing of it stays', async () => {
    const source = madeUpScene('wrong', size);
    const broken = { ...source, pixels: (row: number, count: number) => source.pixels(row, count).subarray(1) };
    await assert.rejects(send(services, broken), hasCode('FIELD_INVALID', /no whole number of rows/));
    const skipping = { ...source, pixels: (row: number, count: number) => source.pixels(row, Math.max(1, count - 1)) };
    await assert.rejects(send(services, skipping), hasCode('FIELD_INVALID', /is next/));
    assert.deepEqual(await store.list('scene-arrays/wrong/'), []);
    assert.ok((await preparations()).every(({ scene }) => scene !== 'wrong'));
  });

  test('an upload that ends before all rows came can be continued', async () => {
    const source = madeUpScene('short', size, { labelMaps: ['truth'] });
    let job = '';
    const short = { ...source, labels: () => Buffer.alloc(1024) };
    const onEvent = (event: { readonly $case: string; readonly value: object }): void => {
      if ('job' in event.value) job = event.value.job as string;
    };
    await assert.rejects(
      send(services, short, { onEvent }),
      hasCode('FIELD_INVALID', /labels truth: the stream ended after 1 of 128 rows|truth: the stream ended/),
    );
    const { accepted, scene } = await send(services, source, { resumeJob: job });
    assert.deepEqual([accepted!.nextRow, accepted!.nextLabelRows], [128, { truth: 0 }]);
    assert.equal(scene!.labelMaps[0]!.labelledPixels, 128 * 1024);
    await remove('short');
  });

  test('an upload that is cancelled is gone, and so is a preparation', async () => {
    const job = await interrupt('cancelled', 64);
    await callUnary(services.scenes, 'cancelPreparation', { job });
    assert.deepEqual(await objectsOf(job), []);
    await assert.rejects(
      send(services, madeUpScene('cancelled', size), { resumeJob: job }),
      hasCode('UPLOAD_NOT_FOUND'),
    );
    let id = '';
    const preparing = send(services, madeUpScene('cancelled', { height: 256, width: 1024, bands: 128 }), {
      onEvent: (event) => {
        if (event.$case === 'accepted') id = event.value.job;
        if (event.$case === 'progress' && event.value.stage !== 'receiving') {
          callUnary(services.scenes, 'cancelPreparation', { job: id }).catch(() => undefined);
        }
      },
    });
    await assert.rejects(preparing, hasCode('CANCELLED', /preparation/));
    await eventually(10_000, async () => assert.deepEqual(await objectsOf(id), []));
    const found = (await preparations()).find(({ status }) => status!.job === id)!;
    assert.equal(found.status!.state, JobState.JOB_STATE_CANCELLED);
    await assert.rejects(callUnary(services.scenes, 'getScene', { name: 'cancelled' }), hasCode('SCENE_NOT_FOUND'));
  });

  test('a preparation that fails leaves nothing, and the scene that was there stays', async () => {
    const small = { height: 16, width: 20, bands: 16 };
    const source = madeUpScene('kept', small);
    const { scene } = await send(services, source);
    const before = await store.list('scene-arrays/kept/');
    // Detected at the header, before any row is sent.
    const larger = madeUpScene('kept', { ...small, height: 17 });
    const never = (): boolean => {
      throw new Error('a row was sent');
    };
    await assert.rejects(send(services, larger, { goOn: never }), hasCode('SCENE_EXISTS'));
    // Detected after the rows have arrived.
    const other = { ...source, header: { ...source.header, attribution: 'another source' } };
    await assert.rejects(send(services, other), hasCode('SCENE_EXISTS'));
    const nodata = { ...rasterInfo(small), nodata: 0 };
    const empty = {
      ...source,
      header: { ...source.header, raster: nodata, retention: Retention.RETENTION_REPLACE },
      pixels: (_: number, count: number) => Buffer.alloc(count * 20 * 16 * 2),
    };
    await assert.rejects(send(services, empty), hasCode('NO_VALID_PIXELS', /320 pixels of kept/));
    assert.deepEqual(await store.list('scene-arrays/kept/'), before);
    assert.deepEqual((await callUnary(services.scenes, 'getScene', { name: 'kept' })).scene, scene);
    // Replaced, by a scene of another size.
    const replacing = { ...larger, header: { ...larger.header, retention: Retention.RETENTION_REPLACE } };
    assert.equal((await send(services, replacing)).scene!.raster!.height, 17);
    const keys = new Set((await store.list('scene-arrays/kept/')).map(({ key }) => key));
    assert.ok(before.every(({ key }) => !keys.has(key)));
    await remove('kept');
  });

  test('a header is checked before any row travels', async () => {
    const small = { height: 16, width: 20, bands: 16 };
    const raster = rasterInfo(small);
    const named = (name: string, color?: number) => ({ name, color });
    const cases: [Partial<PrepareSceneHeader>, RegExp][] = [
      [{ raster: undefined }, /raster: it is missing/],
      [{ raster: { ...raster, width: 0 } }, /width: 0 is not from 1 to/],
      [{ raster: { ...raster, bands: 5000 } }, /bands: 5000 is not from 1 to/],
      [{ raster: { ...raster, width: 60_000, bands: 2000 } }, /a row has/],
      [{ raster: { ...raster, height: 1_000_000, width: 50_000 } }, /HYPERSWAP_MAXIMUM_SCENE_BYTES/],
      [{ raster: { ...raster, bands: 11 } }, /11 bands/],
      [{ raster: { ...raster, goodBands: Array.from({ length: 16 }, (_, band) => band > 5) } }, /10 bands/],
      [{ raster: { ...raster, wavelengths: [500] } }, /wavelengths: it has 1 values for 16 bands/],
      [{ raster: { ...raster, wavelengths: new Array<number>(16).fill(-1) } }, /wavelengths: -1 of band 0/],
      [{ raster: { ...raster, scale: NaN } }, /scale/],
      [
        { raster: { ...raster, georeference: { crsWkt: '', epsg: 0, transform: [1, 2] } } },
        /transform: it must be six/,
      ],
      [{ lookupTable: { height: 2, width: 2, georeference: undefined } }, /lookup_table.georeference: it is missing/],
      [{ lookupTable: { height: 70_000, width: 60_000, georeference: undefined } }, /its map has 70000 × 60000 cells/],
      [{ reduction: Reduction.REDUCTION_NONE }, /"none" needs a scene of exactly 12 bands/],
      [{ labelMaps: ['a', 'a'] }, /a is named twice/],
      [{ labelMaps: ['../a'] }, /Label map name/],
      [{ attribution: 'x'.repeat(2001) }, /2000 characters/],
      [{ classes: [named('water'), named('water')] }, /water/],
      [{ classes: [named('')] }, /name/],
      [{ classes: [named('x'.repeat(101))] }, /100/],
      [{ classes: [named('water', 0x1000000)] }, /24 bits|colour/],
    ];
    for (const [wrong, message] of cases) {
      const source = { ...madeUpScene('checked', small), header: sceneHeader('checked', small, wrong) };
      const never = (): boolean => {
        throw new Error(`a row was sent: ${message}`);
      };
      await assert.rejects(send(services, source, { goOn: never }), message);
    }
  });

  test('uploads are limited in number, and a place is free when one is complete or cancelled', async () => {
    const jobs = [await interrupt('a', 32), await interrupt('b', 32), await interrupt('c', 32)];
    await assert.rejects(interrupt('d', 32), hasCode('UPLOADS_FULL', /3 preparations/));
    await callUnary(services.scenes, 'cancelPreparation', { job: jobs[0]! });
    const last = await interrupt('d', 32);
    for (const job of [...jobs.slice(1), last]) await callUnary(services.scenes, 'cancelPreparation', { job });
    assert.deepEqual(await store.list('scene-arrays/'), []);
  });

  test('an upload that nobody continues is swept with its rows after its time, not before', async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-abandoned-'));
    const kept = new DirectoryObjectStore(path.join(home, 'store'));
    const small = { height: 128, width: 512, bands: 64 };
    const source = madeUpScene('abandoned', small, { labelMaps: ['truth'] });
    const first = await startServices({}, home);
    const goOn = async (row: number): Promise<boolean> => {
      if (row < 64) return true;
      await eventually(10_000, async () => assert.notEqual((await kept.list('scene-arrays/')).length, 0));
      return false;
    };
    const { job } = (await send(first, source, { goOn })).accepted!;
    await first.stop();
    // Every process sweeps at its start.
    const second = await startServices({}, home);
    await setTimeout(500);
    const listed = await callUnary(second.scenes, 'listPreparations', { pageSize: 0, pageToken: '' });
    assert.deepEqual(
      listed.preparations.map(({ status }) => status!.job),
      [job],
    );
    assert.notEqual((await kept.list('scene-arrays/')).length, 0);
    await second.stop();
    const third = await startServices({ keepUploadsHours: 1e-5 }, home);
    await eventually(10_000, async () => {
      const { preparations } = await callUnary(third.scenes, 'listPreparations', { pageSize: 0, pageToken: '' });
      assert.deepEqual(preparations, []);
      assert.deepEqual(await kept.list('scene-arrays/'), []);
    });
    await assert.rejects(send(third, source, { resumeJob: job }), hasCode('UPLOAD_NOT_FOUND'));
    await third.stop();
    await rm(home, { recursive: true });
  });
});
