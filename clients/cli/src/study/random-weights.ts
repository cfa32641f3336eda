/** Backbones with random weights, which show the gain of a backbone's pretraining. */
import { failure, HyperswapError } from '@hyperswap/errors';
import type { Backbone } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import type { Session } from '../session.js';
import type { Progress } from '../terminal.js';
import { watchPretraining } from '../training.js';

/** Word of `--backbones` for the structure of the study's first backbone with random weights. */
export const randomWeights = 'random';

/** Longest beginning of a name: names have at most 64 characters. */
const stemLength = 44;

/** Returns the name of the random backbone of a seed. @param like backbone whose structure it has */
export function randomBackboneName(like: string, seed: number): string {
  return `${like.slice(0, stemLength)}-random-${seed}`;
}

/** Returns a backbone's name in plain words. */
export function backboneLabel(backbone: string): string {
  return backbone === randomWeights ? 'random weights' : backbone;
}

/**
 * Makes the random backbones of a study that are not there yet. Each seed has its own, so that no result rests on one
 * draw of weights.
 *
 * @throws BACKBONE_EXISTS if a backbone of that name has another structure
 */
export async function makeRandomBackbones(
  session: Session,
  like: string,
  seeds: readonly number[],
  progress: Progress,
): Promise<void> {
  const { trainings, signal } = session;
  const wanted = (await describe(session, like))!;
  for (const [done, seed] of seeds.entries()) {
    progress.update('random backbones', done, seeds.length);
    const backbone = randomBackboneName(like, seed);
    const found = await describe(session, backbone).catch((error: unknown) => {
      if (HyperswapError.is(error, 'BACKBONE_NOT_FOUND')) return undefined;
      throw error;
    });
    if (found !== undefined) {
      if (structureOf(found) !== structureOf(wanted)) throw failure('BACKBONE_EXISTS', { backbone });
      continue;
    }
    const request = {
      ...{ scenes: [], sceneDigests: [], simulatedScenes: 0, size: '', backbone, from: like, seed, resume: false },
      settings: { steps: '0', weights: 'random' },
    };
    const { training } = await callUnary(trainings, 'startPretraining', request, { signal });
    await watchPretraining(session, training, progress);
  }
}

async function describe({ backbones, signal }: Session, name: string): Promise<Backbone | undefined> {
  return (await callUnary(backbones, 'getBackbone', { backbone: name }, { signal })).backbone;
}

function structureOf(backbone: Backbone): string {
  return JSON.stringify({ ...backbone, name: '', digest: '' });
}
