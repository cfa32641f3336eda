import { Option, type Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { JobKind, type DeadLetter } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { allPages } from '../all-pages.js';
import { jobKindName, jobKinds } from '../names.js';
import { withSession, type Session } from '../session.js';
import { shortTime, table } from '../terminal.js';

/** Adds the commands for jobs of all kinds that failed. If tokens are required, the commands need the role operator. */
export function addDeadLetterCommands(jobs: Command): void {
  const letters = jobs
    .command('dead-letters')
    .description('list jobs that failed and queue them again (role operator)');

  letters
    .command('list')
    .description('list failed jobs of all kinds, the newest first')
    .addOption(new Option('--kind <kind>', 'only this kind of job').choices(Object.keys(jobKinds)))
    .action(({ kind }: { readonly kind?: keyof typeof jobKinds }, command: Command) =>
      withSession(
        command,
        (session) => listDeadLetters(session, kind === undefined ? JobKind.JOB_KIND_UNSPECIFIED : jobKinds[kind]),
        (found) =>
          table(
            ['job', 'kind', 'about', 'failed', 'attempts', 'error'],
            found.map(({ job, subject }) => [
              job!.job,
              jobKindName(job!.kind),
              subject,
              shortTime(job!.endedAt),
              String(job!.attempts),
              `${job!.error!.code}: ${job!.error!.message}`,
            ]),
          ),
        ['preprocessing'],
      ),
    );

  letters
    .command('requeue')
    .argument('<job>', 'as "jobs dead-letters list" shows it')
    .description('queue a failed job again with all its attempts; finished parts stay done')
    .action((job: string, _: unknown, command: Command) =>
      withSession(
        command,
        (session) => requeue(session, job),
        () => [`${job} is queued again.`],
        ['preprocessing'],
      ),
    );
}

async function listDeadLetters({ jobs, signal }: Session, kind: JobKind): Promise<DeadLetter[]> {
  const pages = await allPages((page) => callUnary(jobs, 'listDeadLetters', { kind, ...page }, { signal }));
  return pages.flatMap(({ deadLetters }) => deadLetters);
}

/**
 * Queues a job of any kind again.
 *
 * @throws JOB_NOT_FOUND, JOB_NOT_FAILED; FIELD_INVALID when it would end with this command
 */
async function requeue(session: Session, job: string): Promise<{ readonly job: string; readonly kind: string }> {
  if (session.local !== undefined) {
    const reason =
      'the services were started by this command, and the job would end with it: start "hyperswap up" first';
    throw failure('FIELD_INVALID', { field: 'job', reason });
  }
  const letters = await listDeadLetters(session, JobKind.JOB_KIND_UNSPECIFIED);
  const kind = letters.find((letter) => letter.job!.job === job)?.job!.kind;
  if (kind === undefined) throw failure('JOB_NOT_FOUND', { kind: 'failed job', job: job.slice(0, 64) });
  await callUnary(session.jobs, 'requeueDeadLetter', { kind, job }, { signal: session.signal });
  return { job, kind: jobKindName(kind) };
}
