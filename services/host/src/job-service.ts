import { failure } from '@hyperswap/errors';
import { toJobStatus, toKindMessage, type JobRunner } from '@hyperswap/jobs';
import {
  DeadLetter,
  JobKind as KindMessage,
  JobServiceService,
  type JobServiceServer,
  type ListDeadLettersRequest,
  type ListDeadLettersResponse,
} from '@hyperswap/proto';
import { newestFirstKey, pageOf, unaryHandler, type HostedService, type Role } from '@hyperswap/rpc';
import { jobKinds, type AnyJobKind } from './job-kinds.js';

/** Role that each method needs, where tokens are asked for. */
const jobRoles = {
  listDeadLetters: 'operator',
  requeueDeadLetter: 'operator',
} as const satisfies Record<keyof typeof JobServiceService, Role>;

/** Returns the operator's service for jobs of all kinds. */
export function createJobService(runner: JobRunner): HostedService {
  const implementation: JobServiceServer = {
    listDeadLetters: unaryHandler((request) => listDeadLetters(runner, request)),
    requeueDeadLetter: unaryHandler(async ({ kind: wanted, job }) => {
      const [kind] = kindsOf(wanted);
      if (wanted === KindMessage.JOB_KIND_UNSPECIFIED || kind === undefined)
        throw failure('FIELD_INVALID', { field: 'kind', reason: 'it is missing' });
      await runner.requeue(kind, job);
      return { job: toJobStatus(await runner.get(kind, job), undefined) };
    }),
  };
  return {
    name: 'hyperswap.v1.JobService',
    definition: JobServiceService,
    implementation: { ...implementation },
    roles: jobRoles,
  };
}

async function listDeadLetters(runner: JobRunner, request: ListDeadLettersRequest): Promise<ListDeadLettersResponse> {
  const letters: DeadLetter[] = [];
  for (const kind of kindsOf(request.kind)) {
    for (const job of await runner.deadLetters(kind)) {
      letters.push({ job: toJobStatus(job, undefined), subject: job.subject });
    }
  }
  const keyOf = ({ job }: DeadLetter): string => newestFirstKey(job!.endedAt!.getTime(), job!.job);
  const listing = { keyOf, toMessage: (letter: DeadLetter) => letter, codec: DeadLetter };
  const { page, nextPageToken } = await pageOf(letters, listing, request);
  return { deadLetters: [...page], nextPageToken };
}

/** Returns the kinds that a request means; all of them when it names none. */
function kindsOf(wanted: KindMessage): readonly AnyJobKind[] {
  return wanted === KindMessage.JOB_KIND_UNSPECIFIED
    ? jobKinds
    : jobKinds.filter(({ name }) => toKindMessage(name) === wanted);
}
