import { failure } from '@hyperswap/errors';
import type { PinnedWheel } from '@hyperswap/pypi';

/** Build of TensorFlow: for the CPU only, or with support for NVIDIA GPUs. */
export type EngineFlavour = 'cpu' | 'cuda';

const version = '2.21.0';

/** Wheels by `platform-architecture-flavour`. On arm64 the plain wheel is the one without CUDA. */
const wheels: Readonly<Record<string, PinnedWheel>> = {
  'linux-x64-cpu': {
    project: 'tensorflow-cpu',
    version,
    pythonVersion: '3.11',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  'linux-x64-cuda': {
    project: 'tensorflow',
    version,
    pythonVersion: '3.11',
    platform: 'manylinux_2_27_x86_64',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  },
  'linux-arm64-cpu': {
    project: 'tensorflow',
    version,
    pythonVersion: '3.11',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  },
};

/**
 * Returns the pinned TensorFlow wheel for a platform in Node's naming (`linux`, `x64`).
 *
 * @throws ENGINE_SETUP if TensorFlow's libraries are not published for it
 */
export function tensorflowWheel(platform: string, architecture: string, flavour: EngineFlavour): PinnedWheel {
  const wheel = wheels[`${platform}-${architecture}-${flavour}`];
  if (wheel !== undefined) return wheel;
  throw failure('ENGINE_SETUP', {
    reason: `there is no ${flavour} engine for ${platform} ${architecture}`,
    mend: 'It runs on Linux x64 (cpu, cuda) and Linux arm64 (cpu); elsewhere use a Linux container, a virtual machine or WSL2.',
  });
}
