/** The CUDA build of the engine, on machines with and without a GPU. `make test-cuda` sets it up and runs this. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { accelerator, builtEngine, Executor, loadErrors, nvidiaWheels, processorReason } from '@hyperswap/tensor';
import { makeWorkspace } from '../support/command.js';

const { flavour, root } = builtEngine();
let executor: Executor;

before(() => {
  assert.equal(flavour, 'cuda', 'run "make test-cuda", which sets the CUDA build up');
  executor = new Executor();
});

after(() => executor.stop());

test("every library of NVIDIA's that was unpacked loads, and needs no other than those and the machine's", async () => {
  const folders = await readdir(path.join(root, 'nvidia'));
  assert.equal(folders.length, nvidiaWheels.length);
  const files: string[] = [];
  for (const folder of folders.filter((name) => name !== 'cuda_nvcc')) {
    const directory = path.join(root, 'nvidia', folder, 'lib');
    for (const name of await readdir(directory)) if (name.includes('.so')) files.push(path.join(directory, name));
  }
  const errors = [...(await loadErrors(files))].filter(([, reason]) => reason !== '');
  // Profiling of other processes needs the driver's own library.
  const unexpected = errors.filter(([, reason]) => !reason.startsWith('libcuda.so.1:'));
  assert.deepEqual(unexpected, []);
  for (const library of nvidiaWheels.flatMap(({ libraries }) => libraries)) {
    assert.ok(files.includes(path.join(root, library)), library);
  }
});

test('the assembler runs, and the library of device functions is there', async () => {
  const { stdout } = await promisify(execFile)(path.join(root, 'nvidia/cuda_nvcc/bin/ptxas'), ['--version']);
  assert.match(stdout, /release 12\.9/);
  await access(path.join(root, 'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc'), constants.R_OK);
});

test('the engine runs on the GPU, or tells that only the driver is missing', async () => {
  const found = await accelerator();
  assert.deepEqual(found.missingLibraries, []);
  await executor.load(new URL('../support/executor-program.js', import.meta.url));
  const { device, fusedKernels } = await executor.describe();
  assert.equal(fusedKernels, false, 'HYPERSWAP_KERNELS=public takes no kernels of ours');
  const reason = processorReason(found, device);
  if (device === 'gpu') assert.equal(reason, '');
  else assert.match(reason, found.driver === '' ? /driver was not found: libcuda\.so\.1/ : /driver/);
});

test('doctor tells the build, the driver and why the processor is used', async () => {
  const { succeed } = await makeWorkspace();
  const { gpu, status } = JSON.parse(await succeed('doctor', '--json')) as {
    gpu: string;
    status: { engine: { build: string; device: string; missingLibraries: string[] } };
  };
  assert.equal(status.engine.build, 'cuda');
  assert.deepEqual(status.engine.missingLibraries, []);
  assert.match(gpu, status.engine.device === 'gpu' ? /^used/ : /^not used: .*driver/);
});
