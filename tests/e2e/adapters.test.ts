/** Adapters and backbones as any gRPC client sends and gets them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readAdapter, writeAdapter, type Adapter } from '@hyperswap/adapter';
import {
  AdapterFormat,
  type AdapterVersion,
  type RegisterAdapterRequest,
  type RegisterAdapterResponse,
} from '@hyperswap/proto';
import { callUnary, pieces, readStream, upload } from '@hyperswap/rpc';
import { readBackbone } from '@hyperswap/spectralgpt';
import { hasCode } from '../support/errors.js';
import { importOtherConfig, shippedFolder } from '../support/import-backbone.js';
import { exportBlob, prepareToy, registerBlob, startServices, train, type Services } from '../support/services.js';

const { ADAPTER_FORMAT_HYPERSWAP: asBlob, ADAPTER_FORMAT_PEFT: asPeft } = AdapterFormat;
let services: Services;
let trained: Adapter;

before(async () => {
  services = await startServices();
  await prepareToy(services);
  await train(services, { method: 'lora', adapter: 'mean', settings: { pooling: 'mean', epochs: '2' } });
  trained = readAdapter('mean', await exportBlob(services, 'mean'));
});

after(() => services.stop());

async function exported(adapter: string, format: AdapterFormat): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const { chunk } of readStream(services.adapters, services.adapters.exportAdapter({ adapter, format }))) {
    const { file, content } = chunk!;
    files.set(file, Buffer.concat([files.get(file) ?? Buffer.alloc(0), content]));
  }
  return files;
}

async function register(
  name: string,
  format: AdapterFormat,
  like: string,
  files: Iterable<readonly [string, Uint8Array]>,
): Promise<AdapterVersion> {
  async function* requests(): AsyncGenerator<RegisterAdapterRequest> {
    yield { part: { $case: 'header', value: { name, fileName: 'given', signature: undefined, format, like } } };
    for (const [file, bytes] of files) {
      for await (const content of pieces(bytes)) yield { part: { $case: 'chunk', value: { file, content } } };
    }
  }
  const { adapter } = await upload<RegisterAdapterRequest, RegisterAdapterResponse>(
    services.adapters,
    (callback) => services.adapters.registerAdapter(callback),
    requests(),
  );
  return adapter!;
}

/** Binds an adapter in the serving process. */
const bind = (adapter: string) => callUnary(services.adapters, 'setAlias', { adapter, alias: 'bound' });

const importBackbone = (name: string, change: object) => importOtherConfig(services, name, change);

test('the files of PEFT go out of the server and come in again as the same adapter', async () => {
  const files = await exported('mean', asPeft);
  assert.deepEqual([...files.keys()], ['adapter_config.json', 'adapter_model.safetensors']);
  const version = await register('back', asPeft, 'mean', files);
  assert.deepEqual([version.method, version.patchSize, version.classes.length], ['lora', 9, 3]);
  const back = readAdapter('back', await exportBlob(services, 'back'));
  assert.deepEqual(back.tensors, trained.tensors);
  assert.deepEqual(back.metadata.targets, trained.metadata.targets);
  await bind('back');
  const [[name, blob]] = [...(await exported('mean', asBlob))] as [[string, Buffer]];
  assert.equal(name, 'adapter.safetensors');
  await assert.rejects(register('mean', asBlob, '', [[name, blob]]), hasCode('ADAPTER_EXISTS'));
});

test('files that are missing, strange or not read are refused with what to do', async () => {
  const files = await exported('mean', asPeft);
  const [config, model] = [...files] as [[string, Buffer], [string, Buffer]];
  const peft = (given: [string, Uint8Array][], like = 'mean'): Promise<unknown> => register('no', asPeft, like, given);
  await assert.rejects(peft([config, model], ''), hasCode('FIELD_INVALID', /^like: .*patch size, classes, PCA/));
  await assert.rejects(peft([config, model], 'nobody'), hasCode('ADAPTER_NOT_FOUND'));
  await assert.rejects(peft([config]), hasCode('FIELD_INVALID', /adapter_model\.safetensors did not come/));
  await assert.rejects(peft([config, ['other', model[1]]]), hasCode('FIELD_INVALID', /other is none of/));
  await assert.rejects(
    peft([config, ['adapter_model.bin', model[1]]]),
    hasCode('PEFT_UNSUPPORTED', /pickle.*safe_serialization/),
  );
  const pissa = { ...(JSON.parse(config[1].toString()) as object), init_lora_weights: 'pissa' };
  await assert.rejects(
    peft([[config[0], Buffer.from(JSON.stringify(pissa))], model]),
    hasCode('PEFT_UNSUPPORTED', /path_initial_model_for_weight_conversion/),
  );
  await assert.rejects(register('no', AdapterFormat.UNRECOGNIZED, '', [config]), hasCode('FIELD_INVALID', /format/));
  await assert.rejects(register('no', asBlob, '', [model]), hasCode('FIELD_INVALID', /none of adapter\.safetensors/));
  await train(services, { method: 'linear-probe', adapter: 'probe', settings: { epochs: '2', pooling: 'mean' } });
  await assert.rejects(exported('probe', asPeft), hasCode('PEFT_EXPORT', /linear-probe/));
});

test('adapters that were trained before digests covered the config keep working on spectralgpt-mini', async () => {
  const { weightsDigest, digest } = await readBackbone('spectralgpt-mini', shippedFolder);
  assert.equal(trained.metadata.backbone.digest, digest);
  const former = { ...trained.metadata, backbone: { name: 'spectralgpt-mini', digest: weightsDigest } };
  await registerBlob(services, 'former', writeAdapter({ ...trained, metadata: former }));
  await bind('former');
});

test('the same weights with other heads are another backbone, whose adapters do not bind to this one', async () => {
  const other = await importBackbone('other-heads', { heads: 3 });
  const { backbone: same } = await callUnary(services.backbones, 'getBackbone', { backbone: 'spectralgpt-mini' });
  assert.notEqual(other.digest, same!.digest);
  await assert.rejects(importBackbone('other-heads', { heads: 2 }), hasCode('BACKBONE_EXISTS', /another config/));
  assert.equal((await importBackbone('other-heads', { heads: 3 })).digest, other.digest);
  const { backbones } = await callUnary(services.backbones, 'listBackbones', { pageSize: 0, pageToken: '' });
  assert.deepEqual(
    backbones.map(({ name, digest, heads }) => [name, digest, heads]),
    [
      ['other-heads', other.digest, 3],
      ['spectralgpt-mini', same!.digest, 6],
    ],
  );
  await train(services, { method: 'lora', adapter: 'three', backbone: 'other-heads', settings: { epochs: '2' } });
  await assert.rejects(bind('three'), hasCode('ADAPTER_BACKBONE', /other-heads .* runs spectralgpt-mini/));
});

test('an adapter on some blocks is registered and serves', async () => {
  const targets = ['blocks.0.attn.q', 'blocks.0.attn.v', 'blocks.1.attn.q'];
  const isTarget = (name: string): boolean => targets.includes(name.slice(0, name.lastIndexOf('.')));
  const factors = new Map([...trained.tensors.factors].filter(([name]) => isTarget(name)));
  const partial = { metadata: { ...trained.metadata, targets }, tensors: { ...trained.tensors, factors } };
  await registerBlob(services, 'partial', writeAdapter(partial));
  await bind('partial');
  const files = await exported('partial', asPeft);
  const config = JSON.parse(files.get('adapter_config.json')!.toString()) as { target_modules: string[] };
  assert.deepEqual(config.target_modules, targets);
});
