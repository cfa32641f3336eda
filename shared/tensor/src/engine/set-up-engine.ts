import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { extractWheel, fetchWheel, verifyWheel } from '@hyperswap/pypi';
import { compileAddon, kernelSources } from './compile-addon.js';
import { tensorflowWheel, type EngineFlavour } from './tensorflow-wheel.js';

const require = createRequire(import.meta.url);
const patchFile = fileURLToPath(new URL('../../string-list-attribute.patch', import.meta.url));
const kernelsDirectory = fileURLToPath(new URL('../../kernels', import.meta.url));
/** Version of the build recipe. Raise it when the compilation of the addon changes, so that old caches are not used. */
const recipe = 5;

export interface EngineSetup {
  readonly flavour: EngineFlavour;
  /** Folder of built engines, shared by all checkouts. */
  readonly cacheDirectory: string;
  /** A TensorFlow wheel that was downloaded before, for machines without a network. */
  readonly wheelFile?: string;
  readonly report: (line: string) => void;
}

/**
 * Makes TensorFlow loadable through @tensorflow/tfjs-node-gpu. It extracts TensorFlow's libraries from its Python
 * wheel, compiles tfjs-node's addon and our kernels against them, and links the addon into tfjs-node's folder. The
 * build is cached by the content of all its inputs; a cached build is found in milliseconds.
 *
 * @throws ENGINE_SETUP (platform, compiler), DOWNLOAD_FAILED, HASH_MISMATCH
 */
export async function setUpEngine({ flavour, cacheDirectory, wheelFile, report }: EngineSetup): Promise<void> {
  const wheel = tensorflowWheel(process.platform, process.arch, flavour);
  const packageDirectory = path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  const kernels = await kernelSources(kernelsDirectory);
  const sources = [path.join(packageDirectory, 'binding', 'tfjs_backend.cc'), patchFile, ...kernels];
  const key = createHash('sha256').update(`${recipe} ${wheel.sha256}`);
  for (const source of sources) key.update(await readFile(source));
  const built = path.join(cacheDirectory, key.digest('hex').slice(0, 16));

  const libraries = path.join(cacheDirectory, `tensorflow-${wheel.sha256.slice(0, 16)}`);
  if (!(await exists(built)) || !(await exists(libraries))) {
    await mkdir(cacheDirectory, { recursive: true });
    const work = await mkdtemp(path.join(cacheDirectory, 'build-'));
    try {
      report(`TensorFlow ${wheel.version} (${flavour}): fetching its libraries`);
      if (wheelFile !== undefined) await verifyWheel(wheelFile, wheel.sha256);
      const file = wheelFile ?? (await fetchWheel(wheel, work));
      report('Unpacking');
      await extractWheel(file, ['tensorflow/include/', 'tensorflow/libtensorflow'], work);
      const unpacked = path.join(work, 'tensorflow');
      await keepLibraries(unpacked, libraries);
      report('Compiling the addon (about 40 s)');
      const addon = await compileAddon(
        {
          bindingDirectory: path.join(packageDirectory, 'binding'),
          patchFile,
          kernelsDirectory,
          nodeApiHeaders: path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include'),
          tensorflowHeaders: path.join(unpacked, 'include'),
          tensorflowLibraries: libraries,
        },
        path.join(work, 'addon'),
      );
      const finished = path.join(work, 'finished');
      await mkdir(finished);
      await rename(addon, path.join(finished, 'tfjs_binding.node'));
      // A rename is atomic, so no process finds a half-built engine. If another process was faster, its result is used.
      await rename(finished, built).catch(async (cause: unknown) => {
        if (!(await exists(built))) throw cause;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  await link(path.join(built, 'tfjs_binding.node'), path.join(packageDirectory, 'lib', 'napi-v8', 'tfjs_binding.node'));
  report(`Engine ready: TensorFlow ${wheel.version} (${flavour}) in ${built}`);
}

/** Moves the unpacked libraries (850 MB) to the folder in which the addon looks for them. */
async function keepLibraries(unpacked: string, libraries: string): Promise<void> {
  if (await exists(libraries)) return;
  const staging = `${unpacked}-libraries`;
  await mkdir(staging);
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    await rename(path.join(unpacked, name), path.join(staging, name));
  }
  await rename(staging, libraries).catch(async (cause: unknown) => {
    if (!(await exists(libraries))) throw cause;
  });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function link(target: string, at: string): Promise<void> {
  const current = await readlink(at).catch(() => undefined);
  if (current === target) return;
  await mkdir(path.dirname(at), { recursive: true });
  const present = await lstat(at).catch(() => undefined);
  if (present !== undefined) await rm(at);
  await symlink(target, at);
}
