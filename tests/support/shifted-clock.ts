/**
 * Module loaded before a process's own code (`--import`): it shifts the process's clock. SHIFTED_CLOCK_MILLISECONDS
 * applies from the start, or, with SHIFTED_CLOCK_ON_SIGNAL, when SIGUSR2 comes. Timers are not affected, as on a
 * machine whose clock is set.
 */
const Real = Date;
const milliseconds = Number(process.env.SHIFTED_CLOCK_MILLISECONDS ?? 0);
let shift = process.env.SHIFTED_CLOCK_ON_SIGNAL === undefined ? milliseconds : 0;
process.on('SIGUSR2', () => (shift = milliseconds));

globalThis.Date = new Proxy(Real, {
  construct: (target, given: unknown[]) =>
    given.length === 0 ? new target(Real.now() + shift) : (Reflect.construct(target, given) as Date),
  get: (target, key, receiver): unknown =>
    key === 'now' ? () => Real.now() + shift : Reflect.get(target, key, receiver),
});
