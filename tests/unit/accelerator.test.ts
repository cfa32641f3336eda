import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { loadErrors, nvidiaWheels, processorReason, type Accelerator } from '@hyperswap/tensor';
import { temporaryFolder } from '../support/temporary-folder.js';

const complete: Accelerator = { build: 'cuda', driver: '570.124.06', missingLibraries: [] };
const reasonOf = (given: Partial<Accelerator>): string => processorReason({ ...complete, ...given }, 'cpu');

test('the reason for the processor is the first thing that is missing for a GPU', () => {
  assert.equal(processorReason(complete, 'gpu'), '');
  assert.match(reasonOf({}), /found no GPU that it can use with driver 570\.124\.06/);
  assert.match(reasonOf({ driver: '' }), /driver was not found: libcuda\.so\.1/);
  assert.match(reasonOf({ driver: '525.60.9' }), /525\.60\.9 is older than 525\.60\.13/);
  assert.doesNotMatch(reasonOf({ driver: '525.60.13' }), /older/);
  assert.doesNotMatch(reasonOf({ driver: 'unknown' }), /older/);
  assert.match(reasonOf({ missingLibraries: ['libcudnn.so.9'], driver: '' }), /libcudnn\.so\.9 cannot be loaded/);
  assert.equal(reasonOf({ build: 'cpu', driver: '' }), 'this engine is built for processors');
  assert.match(reasonOf({ build: 'cpu' }), /there is an NVIDIA driver \(570\.124\.06\): .*ENGINE=cuda make setup/);
});

test("a library that is there loads; one that is absent or damaged is named with the loader's reason", async () => {
  const damaged = path.join(await temporaryFolder('libraries'), 'libdamaged.so');
  await writeFile(damaged, 'not a library');
  const errors = await loadErrors(['libm.so.6', '/nowhere/libabsent.so', damaged]);
  assert.equal(errors.get('libm.so.6'), '');
  assert.match(errors.get('/nowhere/libabsent.so')!, /No such file/);
  assert.match(errors.get(damaged)!, /file too short|invalid ELF header/);
});

test("NVIDIA's wheels are pinned by version and content, and unpack to nvidia/", () => {
  for (const { version, sha256, members, libraries } of nvidiaWheels) {
    assert.match(version, /^\d+(\.\d+)+$/);
    assert.match(sha256, /^[0-9a-f]{64}$/);
    assert.ok([...members, ...libraries].every((name) => name.startsWith('nvidia/')));
    assert.ok(libraries.every((library) => members.some((member) => library.startsWith(member))));
  }
});
