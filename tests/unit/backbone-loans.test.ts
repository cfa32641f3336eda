import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { failure } from '@hyperswap/errors';
import { BackboneLoans, type BackboneLoansContext } from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';

const never = new AbortController().signal;
const described = (digest: string) => ({ name: digest, digest });

/**
 * Loans of an engine with room for one backbone, whose reading of a backbone's files ends a while after it was lent.
 */
function loansOfOne(): BackboneLoans {
  let lent: string | undefined;
  const engine = {
    call: (method: string, { digest, backbone }: { readonly digest: string; readonly backbone?: unknown }) => {
      if (method === 'returnBackbone') lent = undefined;
      if (method !== 'lendBackbone') return Promise.resolve();
      if (lent === digest) return Promise.resolve(true);
      if (backbone === undefined) return Promise.resolve(false);
      if (lent !== undefined) {
        const full = failure('BACKBONES_FULL', { backbone: digest, bytes: 1, limit: 1, retryAfterMilliseconds: 1000 });
        return Promise.reject(full);
      }
      lent = digest;
      return Promise.resolve(true);
    },
  };
  const backbones = {
    use: async (name: string, use: (backbone: { readonly digest: string }) => Promise<void>) => {
      await use({ digest: name });
      await setTimeout(20);
    },
  };
  const served = { digest: 'served', precision: 'float32' };
  return new BackboneLoans({ backbones, engine, served } as unknown as BackboneLoansContext);
}

test('a call waits for room also while the one that has it has only begun', async () => {
  const loans = loansOfOne();
  const order: string[] = [];
  const use = (digest: string): Promise<void> =>
    loans.use(described(digest), 'float32', never, async () => {
      order.push(`${digest} begins`);
      await setTimeout(5);
      order.push(`${digest} ends`);
    });
  await Promise.all(['a', 'b', 'c'].map(use));
  assert.equal(order.length, 6);
  for (let i = 0; i < order.length; i += 2) assert.equal(order[i]!.slice(0, 1), order[i + 1]!.slice(0, 1));
});

test('a call that gives up leaves the others their turn', async () => {
  const loans = loansOfOne();
  const leaving = new AbortController();
  const first = loans.use(described('a'), 'float32', never, () => setTimeout(50));
  const second = loans.use(described('b'), 'float32', leaving.signal, () => Promise.resolve());
  await setTimeout(30);
  leaving.abort();
  await assert.rejects(second, hasCode('CANCELLED'));
  await first;
  assert.equal(await loans.use(described('c'), 'float32', never, () => Promise.resolve(7)), 7);
});
