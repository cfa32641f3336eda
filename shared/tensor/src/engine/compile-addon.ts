import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { applyPatch } from 'diff';
import { failure } from '@hyperswap/errors';

const runFile = promisify(execFile);

export interface AddonSources {
  /** `binding/` of @tensorflow/tfjs-node-gpu. */
  readonly bindingDirectory: string;
  /** Patch that adds op attributes of type list of strings, which fused ops need. */
  readonly patchFile: string;
  /** Folder of our own ops, built into the addon: each `.cc` file is compiled. */
  readonly kernelsDirectory: string;
  /** `include/` of node-api-headers. */
  readonly nodeApiHeaders: string;
  /** `include/` of the TensorFlow wheel. */
  readonly tensorflowHeaders: string;
  /** Folder of `libtensorflow_cc.so.2` and `libtensorflow_framework.so.2`. */
  readonly tensorflowLibraries: string;
  /** Path from the addon's final folder to that folder. It is linked into the addon, so that both can move together. */
  readonly librariesFromAddon: string;
}

/**
 * Compiles tfjs-node's addon together with our own kernels against TensorFlow's libraries (about 25 s). The sources are
 * copied and patched in `buildDirectory`; node_modules is not changed.
 *
 * @returns path of the addon
 * @throws ENGINE_SETUP if there is no C++ compiler, or it fails
 */
export async function compileAddon(sources: AddonSources, buildDirectory: string): Promise<string> {
  const compiler = await findCompiler();
  const binding = path.join(buildDirectory, 'binding');
  await mkdir(buildDirectory, { recursive: true });
  await cp(sources.bindingDirectory, binding, { recursive: true });
  await patchFile(path.join(binding, 'tfjs_backend.cc'), sources.patchFile);

  const external = path.join(sources.tensorflowHeaders, 'external');
  const externalHeaders = (await readdir(external)).map((name) => `-I${path.join(external, name)}`);
  const addon = path.join(buildDirectory, 'tfjs_binding.node');
  const args = ['-O3', '-fPIC', '-shared', '-std=c++17', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'];
  args.push(`-I${sources.nodeApiHeaders}`, `-I${buildDirectory}`, `-I${sources.tensorflowHeaders}`, ...externalHeaders);
  args.push(
    path.join(binding, 'tfjs_backend.cc'),
    path.join(binding, 'tfjs_binding.cc'),
    ...(await kernelSources(sources.kernelsDirectory)).filter((file) => file.endsWith('.cc')),
    '-o',
    addon,
  );
  // These flags match the build of TensorFlow's libraries and let the compiler vectorise the kernels' loops.
  args.push('-DNDEBUG', '-w', '-fopenmp-simd', '-fno-math-errno', '-fno-trapping-math');
  args.push(`-L${sources.tensorflowLibraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2');
  // A worker unloads its addons at its end; TensorFlow's exit handlers would then point to unmapped memory.
  args.push(`-Wl,-rpath,$ORIGIN/${sources.librariesFromAddon}`, '-Wl,-z,nodelete');
  try {
    await runFile(compiler, args, { maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    const output = cause instanceof Error ? cause.message : String(cause);
    const firstError = output.split('\n').find((line) => line.includes('error')) ?? output.slice(0, 400);
    throw failure(
      'ENGINE_SETUP',
      {
        reason: `${compiler} failed: ${firstError}`,
        mend: 'A compiler for C++17 is needed: GCC 9, Clang 10 or newer.',
      },
      cause,
    );
  }
  return addon;
}

/** Returns the paths of our own ops and their headers, sorted by name. */
export async function kernelSources(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.cc') || name.endsWith('.h'));
  return names.sort().map((name) => path.join(directory, name));
}

async function findCompiler(): Promise<string> {
  const candidates = process.env.CXX === undefined ? ['c++', 'g++', 'clang++'] : [process.env.CXX];
  for (const candidate of candidates) {
    try {
      await runFile(candidate, ['--version']);
      return candidate;
    } catch {
      // Try the next name.
    }
  }
  throw failure('ENGINE_SETUP', {
    reason: `no C++ compiler was found (looked for ${candidates.join(', ')})`,
    mend: 'Install one (Debian and Ubuntu: apt install g++), or name it in CXX.',
  });
}

async function patchFile(file: string, patch: string): Promise<void> {
  const patched = applyPatch(await readFile(file, 'utf8'), await readFile(patch, 'utf8'));
  if (patched === false) {
    throw failure('ENGINE_SETUP', {
      reason: `${path.basename(patch)} does not fit ${file}`,
      mend: 'Run "npm ci" to restore @tensorflow/tfjs-node-gpu 4.22.0.',
    });
  }
  await writeFile(file, patched);
}
