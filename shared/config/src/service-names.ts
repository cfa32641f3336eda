/** Services that one process can host, in the order of their start. */
export const serviceNames = ['preprocessing', 'trainer', 'tile-inference'] as const;

/** Name of a service, as `--services` takes it. */
export type ServiceName = (typeof serviceNames)[number];
