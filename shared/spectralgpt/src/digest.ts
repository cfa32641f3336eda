import { createHash } from 'node:crypto';
import type { BackboneConfig } from './config.js';

/**
 * Returns the digest of a backbone: a sha-256 over its config and the digest of its weights. The same weights with
 * other heads, positions or pooling compute something else, and are another backbone.
 *
 * If the config gains a setting later, omit it from the digest at the value that all earlier backbones had, so that
 * they keep their digests.
 *
 * @param weightsDigest of the tensors alone
 */
export function backboneDigest(config: BackboneConfig, weightsDigest: string): string {
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256')
    .update(`hyperswap backbone 2\nconfig ${JSON.stringify(sorted)}\nweights ${weightsDigest}\n`)
    .digest('hex');
}

/**
 * Old digests by new digest, of backbones from releases in which the digest covered the weights only. The list contains
 * only the shipped backbone, because its config was the same for everybody. For other backbones the config that an
 * adapter was trained with is unknown.
 */
const formerDigests: ReadonlyMap<string, string> = new Map([
  // spectralgpt-mini
  [
    '21076eac9500ce36d232d7d8ee0acf3809fbc04774e963d68595b93dc1857f16',
    'dc76806052d1d7a9c41843f72850198b3bc7842da457891553f2f3295d5fc374',
  ],
]);

/** Returns true if an adapter that names this digest belongs to a backbone. */
export function isDigestOf(named: string, { digest }: { readonly digest: string }): boolean {
  return named === digest || named === formerDigests.get(digest);
}
