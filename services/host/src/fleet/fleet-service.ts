import { failure } from '@hyperswap/errors';
import { toKindMessage, toStateMessage, type JobRunner } from '@hyperswap/jobs';
import { FleetServiceService, type FleetJobs, type FleetServiceServer, type WatchFleetRequest } from '@hyperswap/proto';
import { toMilliseconds, watchHandler, type HostedService, type Role } from '@hyperswap/rpc';
import { jobKinds } from '../job-kinds.js';
import type { Fleet } from './fleet.js';

/** Shortest, usual and longest time between two reports in milliseconds. */
const intervals = { shortest: 200, usual: 1_000, longest: 60_000 } as const;

/** Role that each method needs, where tokens are asked for. */
const fleetRoles = { watchFleet: 'reader' } as const satisfies Record<keyof typeof FleetServiceService, Role>;

/** Returns the service that shows all processes of the fleet. */
export function createFleetService(fleet: Fleet): HostedService {
  const implementation: FleetServiceServer = {
    watchFleet: watchHandler((request, { signal }) => fleet.watch(intervalOf(request), signal)),
  };
  return {
    name: 'hyperswap.v1.FleetService',
    definition: FleetServiceService,
    implementation: { ...implementation },
    roles: fleetRoles,
  };
}

/** @throws FIELD_INVALID */
function intervalOf({ interval }: WatchFleetRequest): number {
  if (interval === undefined) return intervals.usual;
  const milliseconds = toMilliseconds(interval);
  const { shortest, longest } = intervals;
  if (!(milliseconds >= shortest && milliseconds <= longest)) {
    const reason = `it is ${milliseconds / 1000} s; 0.2 to 60 s are allowed`;
    throw failure('FIELD_INVALID', { field: 'interval', reason });
  }
  return milliseconds;
}

/** Counts the jobs that are kept, by kind and state. */
export async function countJobs(runner: JobRunner): Promise<FleetJobs> {
  const counts: FleetJobs['counts'] = [];
  for (const { name } of jobKinds) {
    for (const [state, jobs] of await runner.count(name)) {
      counts.push({ kind: toKindMessage(name), state: toStateMessage(state), jobs });
    }
  }
  return { counts };
}
