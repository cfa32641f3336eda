import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';

const require = createRequire(import.meta.url);
const schema = z.object({ flavour: z.enum(['cpu', 'cuda']), root: z.string() });

/** Description of a build, beside its addon. */
export const descriptionFile = 'engine.json';

/** The engine that `make setup` linked into tfjs-node's folder. */
export interface BuiltEngine {
  /** Build of TensorFlow. */
  readonly flavour: 'cpu' | 'cuda';
  /** Folder with `tensorflow/` and `nvidia/`; empty for the CPU build. */
  readonly root: string;
}

/** Returns the place where tfjs-node looks for its addon. */
export function addonLink(): string {
  const packageDirectory = path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  return path.join(packageDirectory, 'lib', 'napi-v8', 'tfjs_binding.node');
}

/** Returns the engine that this process uses. A build without a description is one for processors. */
export function builtEngine(): BuiltEngine {
  try {
    const file = path.join(path.dirname(realpathSync(addonLink())), descriptionFile);
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return { flavour: 'cpu', root: '' };
  }
}
