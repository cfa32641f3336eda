import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '@hyperswap/errors';
import { extractWheel, fetchWheel, verifyWheel, type PinnedWheel } from '@hyperswap/pypi';
import { addonLink, descriptionFile, type BuiltEngine } from './built-engine.js';
import { compileAddon, kernelSources } from './compile-addon.js';
import { nvidiaWheels } from './nvidia-libraries.js';
import { tensorflowWheel, type EngineFlavour } from './tensorflow-wheel.js';

const require = createRequire(import.meta.url);
const patchFile = fileURLToPath(new URL('../../string-list-attribute.patch', import.meta.url));
const kernelsDirectory = fileURLToPath(new URL('../../kernels', import.meta.url));
/** Version of the build recipe. Raise it when the compilation of the addon changes, so that old caches are not used. */
const recipe = 6;
/** Folder of addons that a release has, each in a folder with the digest of what it was built from. */
const prebuiltDirectory = fileURLToPath(new URL('../../prebuilt', import.meta.url));
const addonName = 'tfjs_binding.node';

export interface EngineSetup {
  readonly flavour: EngineFlavour;
  /** Folder of built engines, shared by all checkouts. */
  readonly cacheDirectory: string;
  /** A TensorFlow wheel that was downloaded before, for machines without a network. */
  readonly wheelFile?: string;
  /** Folder with NVIDIA's wheels, by the names that the package index gives them, for the same machines. */
  readonly nvidiaWheelFolder?: string;
  readonly report: (line: string) => void;
}

/**
 * Makes TensorFlow loadable through @tensorflow/tfjs-node-gpu. It extracts TensorFlow's libraries from its Python
 * wheel, and for CUDA NVIDIA's libraries from theirs, compiles tfjs-node's addon and our kernels against them, and
 * links the addon into tfjs-node's folder. The build is cached by the content of all its inputs; a cached build is
 * found in milliseconds. A release has the addon for some platforms, made from the same inputs: there nothing is
 * compiled.
 *
 * @returns folder of the built addon
 * @throws ENGINE_SETUP (platform, compiler, folder that cannot be written), DOWNLOAD_FAILED, HASH_MISMATCH
 */
export async function setUpEngine({
  flavour,
  cacheDirectory,
  wheelFile,
  nvidiaWheelFolder,
  report,
}: EngineSetup): Promise<string> {
  const wheel = tensorflowWheel(process.platform, process.arch, flavour);
  const packageDirectory = path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  const kernels = await kernelSources(kernelsDirectory);
  const sources = [path.join(packageDirectory, 'binding', 'tfjs_backend.cc'), patchFile, ...kernels];
  const nvidia = flavour === 'cuda' ? nvidiaWheels : [];
  const contents = [wheel, ...nvidia].map(({ sha256 }) => sha256).join(' ');
  const key = createHash('sha256').update(`${recipe} ${contents}`);
  for (const source of sources) key.update(await readFile(source));
  const built = path.join(cacheDirectory, key.digest('hex').slice(0, 16));

  const { root, libraries } = places(cacheDirectory, flavour, contents);
  if (!(await exists(built)) || !(await exists(libraries))) {
    await mkdir(cacheDirectory, { recursive: true });
    const work = await mkdtemp(path.join(cacheDirectory, 'build-'));
    try {
      const given = path.join(prebuiltDirectory, path.basename(built), addonName);
      const isPrebuilt = await exists(given);
      if (!isPrebuilt || !(await exists(libraries))) {
        report(`TensorFlow ${wheel.version} (${flavour}): fetching its libraries`);
        if (wheelFile !== undefined) await verifyWheel(wheelFile, wheel.sha256);
        const file = wheelFile ?? (await fetchWheel(wheel, work));
        report('Unpacking');
        const headers = isPrebuilt ? [] : ['tensorflow/include/'];
        await extractWheel(file, ['tensorflow/libtensorflow', ...headers], work);
        if (wheelFile === undefined) await rm(file);
      }
      const unpacked = path.join(work, 'tensorflow');
      if (!(await exists(libraries))) {
        const staging = path.join(work, 'libraries');
        await keepLibraries(unpacked, flavour === 'cuda' ? path.join(staging, 'tensorflow') : staging);
        for (const nvidiaWheel of nvidia) {
          const { project, version, members } = nvidiaWheel;
          report(`${project} ${version}`);
          const ownWheel = await givenWheel(nvidiaWheel, nvidiaWheelFolder);
          const fetched = ownWheel ?? (await fetchWheel(nvidiaWheel, work));
          await extractWheel(fetched, members, staging);
          if (ownWheel === undefined) await rm(fetched);
        }
        if (flavour === 'cuda') await chmod(path.join(staging, 'nvidia', 'cuda_nvcc', 'bin', 'ptxas'), 0o755);
        await renameUnlessThere(staging, flavour === 'cuda' ? root : libraries);
      }
      const finished = path.join(work, 'finished');
      await mkdir(finished);
      if (isPrebuilt) await copyFile(given, path.join(finished, addonName));
      else {
        report('Compiling the addon (about 40 s)');
        const addon = await compileAddon(
          {
            bindingDirectory: path.join(packageDirectory, 'binding'),
            patchFile,
            kernelsDirectory,
            nodeApiHeaders: path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include'),
            tensorflowHeaders: path.join(unpacked, 'include'),
            tensorflowLibraries: libraries,
            librariesFromAddon: path.relative(built, libraries),
          },
          path.join(work, 'addon'),
        );
        await rename(addon, path.join(finished, addonName));
      }
      const description: BuiltEngine = { flavour, root };
      await writeFile(path.join(finished, descriptionFile), `${JSON.stringify(description)}\n`);
      await renameUnlessThere(finished, built);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  await link(path.join(built, addonName), addonLink());
  report(`Engine ready: TensorFlow ${wheel.version} (${flavour}) in ${built}`);
  return built;
}

/**
 * Returns the folder of TensorFlow's libraries and, for CUDA, the one above it, which has NVIDIA's libraries too.
 *
 * @param contents digests of all wheels
 */
function places(cacheDirectory: string, flavour: EngineFlavour, contents: string): { root: string; libraries: string } {
  if (flavour === 'cpu') {
    return { root: '', libraries: path.join(cacheDirectory, `tensorflow-${contents.slice(0, 16)}`) };
  }
  const digest = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const root = path.join(cacheDirectory, `tensorflow-cuda-${digest}`);
  return { root, libraries: path.join(root, 'tensorflow') };
}

/** Finds a wheel that was downloaded before. @throws HASH_MISMATCH */
async function givenWheel({ project, version, sha256 }: PinnedWheel, folder?: string): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  const beginning = `${project.replaceAll('-', '_')}-${version}-`;
  const name = (await readdir(folder)).find((entry) => entry.startsWith(beginning) && entry.endsWith('.whl'));
  if (name === undefined) return undefined;
  const file = path.join(folder, name);
  await verifyWheel(file, sha256);
  return file;
}

/** Moves the unpacked libraries (850 MB) to a folder of their own. */
async function keepLibraries(unpacked: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    await rename(path.join(unpacked, name), path.join(directory, name));
  }
}

/** Renames a finished folder, so that no process finds half of one. If another process was faster, its result stays. */
async function renameUnlessThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (cause: unknown) => {
    if (!(await exists(to))) throw cause;
  });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** @throws ENGINE_SETUP if the folder cannot be written */
async function link(target: string, at: string): Promise<void> {
  if ((await readlink(at).catch(() => undefined)) === target) return;
  try {
    await mkdir(path.dirname(at), { recursive: true });
    const present = await lstat(at).catch(() => undefined);
    if (present !== undefined) await rm(at, { force: true });
    await symlink(target, at);
  } catch (cause) {
    // Another process may have been faster.
    if ((await readlink(at).catch(() => undefined)) === target) return;
    throw failure(
      'ENGINE_SETUP',
      {
        reason: (cause as Error).message,
        mend: 'Run "hyperswap doctor" once as the user who owns that folder, with HYPERSWAP_ENGINE_CACHE set to a folder that all users can read.',
      },
      cause,
    );
  }
}
