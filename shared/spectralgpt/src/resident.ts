/** Backbones that are on the device of this thread: one copy each, however many programs use it. */
import { failure } from '@hyperswap/errors';
import type { Backbone } from './backbone.js';
import { Weights } from './weights.js';

/** A frozen backbone on the device. */
export interface ResidentBackbone {
  readonly backbone: Pick<Backbone, 'name' | 'digest' | 'config'>;
  readonly weights: Weights;
}

const residents = new Map<string, ResidentBackbone>();

/** Uploads a backbone, unless it is there already. */
export function makeResident({ name, digest, config, tensors }: Backbone): void {
  if (!residents.has(digest)) {
    residents.set(digest, { backbone: { name, digest, config }, weights: Weights.upload(tensors) });
  }
}

/** @throws INTERNAL when it was never uploaded */
export function residentBackbone(digest: string): ResidentBackbone {
  const resident = residents.get(digest);
  if (resident === undefined) throw failure('INTERNAL', { reason: `backbone ${digest} is not on the device` });
  return resident;
}
