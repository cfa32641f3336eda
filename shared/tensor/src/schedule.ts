/**
 * Linear warm-up from 0, then half a cosine down to 0 (Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts).
 *
 * @param step of `steps`, from 0
 * @returns a factor in (0, 1] for the learning rate
 */
export function cosineSchedule(step: number, steps: number, warmUpSteps: number): number {
  if (step < warmUpSteps) return (step + 1) / warmUpSteps;
  const progress = (step - warmUpSteps) / Math.max(1, steps - warmUpSteps);
  return 0.5 * (1 + Math.cos(Math.PI * progress));
}
