export { jsonCodec, type Codec, type Job, type JobContext, type JobHandler, type JobKind } from './job-kind.js';
export { toJobStatus, toKindMessage, toStateMessage } from './job-message.js';
export { JobRunner, type JobRunnerContext, type RegistrationOptions } from './job-runner.js';
export { hasEnded, type JobEnd, type JobState, type JobStatus } from './job-status.js';
export { jobObjects } from './objects.js';
export type { JobView } from './job-view.js';
export { maximumParts } from './parts.js';
export type { JobNews } from './watch-job.js';
