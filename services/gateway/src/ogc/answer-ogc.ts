/** `/ogc`: OGC API – Processes – Part 1: Core (18-062r2) over preparations of scenes and their maps. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { failure, isId } from '@hyperswap/errors';
import { JobState } from '@hyperswap/proto';
import type { z } from 'zod';
import { readBody, type BodyBudget } from '../body.js';
import { mapFileTypes, type MapFile } from '../maps/write-map.js';
import type { Channels } from '../routes.js';
import { OgcCalls } from './calls.js';
import { statusInfo, type OgcJob } from './job-status.js';
import { landingPage, processLinks, selfLink } from './links.js';
import type { OpenPreparations } from './open-preparations.js';
import type { OgcAnswer } from './ogc-answer.js';
import { conformance, openApi } from './openapi.js';
import { problemOf } from './problem.js';
import {
  classifyInputs,
  describeProcess,
  mapOutputs,
  prepareInputs,
  processes,
  summaryOf,
  type ProcessId,
} from './processes.js';

const root = '/ogc';
/** Maximum number of jobs in the list. */
const maximumJobs = 1000;

export interface OgcContext {
  readonly channels: Channels;
  readonly budget: BodyBudget;
  readonly preparations: OpenPreparations;
}

interface Request {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly calls: OgcCalls;
  readonly budget: BodyBudget;
  /** Address of the API. */
  readonly base: string;
}

/** Returns true for a path of this API. */
export function isOgc(pathname: string): boolean {
  return pathname === root || pathname.startsWith(`${root}/`);
}

/** Answers a request. Errors are problems of RFC 7807, as the standard asks for. */
export async function answerOgc(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { channels, budget, preparations }: OgcContext,
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  const base = `${request.socket instanceof TLSSocket ? 'https' : 'http'}://${request.headers.host ?? ''}${root}`;
  const answer = async (): Promise<OgcAnswer> => {
    const calls = new OgcCalls(channels, preparations, request.headers, left.signal);
    return route({ request, url, calls, budget, base });
  };
  const { status = 200, headers = {}, type = 'application/json', content } = await answer().catch(problemOf);
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify(content));
}

async function route(asked: Request): Promise<OgcAnswer> {
  const { request, url, calls, base } = asked;
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  const [first = '', id = '', last = '', ...more] = url.pathname.slice(root.length + 1).split('/');
  const isKnown = more.length === 0;
  switch (isKnown ? `${method} ${first}${id === '' ? '' : '/ID'}${last === '' ? '' : `/${last}`}` : '') {
    case 'GET ':
      return { content: landingPage(base) };
    case 'GET api':
      return { content: openApi(base), type: 'application/vnd.oai.openapi+json;version=3.0' };
    case 'GET conformance':
      return { content: { conformsTo: conformance } };
    case 'GET processes':
      return { content: listProcesses(base) };
    case 'GET processes/ID':
      return { content: { ...describeProcess(processOf(id)), links: processLinks(base, processOf(id)) } };
    case 'POST processes/ID/execution':
      return execute(processOf(id), asked);
    case 'GET jobs':
      return { content: await listJobs(asked) };
    case 'GET jobs/ID':
      return { content: statusInfo(await calls.find(jobOf(id)), base) };
    case 'GET jobs/ID/results':
      return { content: results(await calls.find(jobOf(id)), asked) };
    case 'DELETE jobs/ID': {
      await calls.cancel(await calls.find(jobOf(id)));
      return { content: statusInfo(await calls.find(id), base) };
    }
    default:
      throw failure('PATH_UNKNOWN', { path: `${method} ${url.pathname}` });
  }
}

/** @throws PATH_UNKNOWN */
function processOf(id: string): ProcessId {
  if (!Object.hasOwn(processes, id)) throw failure('PATH_UNKNOWN', { path: `${root}/processes/${id}` });
  return id as ProcessId;
}

/** @throws JOB_NOT_FOUND */
function jobOf(id: string): string {
  if (!isId(id)) throw failure('JOB_NOT_FOUND', { kind: 'classification or preparation', job: id });
  return id;
}

function listProcesses(base: string): object {
  const all = (Object.keys(processes) as ProcessId[]).map((id) => ({
    ...summaryOf(id),
    links: processLinks(base, id),
  }));
  return { processes: all, links: [selfLink(`${base}/processes`)] };
}

/** Starts a job. All jobs run asynchronously; the preference of the client is ignored. */
async function execute(id: ProcessId, { request, calls, budget, base }: Request): Promise<OgcAnswer> {
  const inputs = await readInputs(request, budget);
  const job =
    id === 'classify'
      ? await calls.classify(checked(classifyInputs, inputs))
      : await calls.prepare(checked(prepareInputs, inputs));
  const headers = { location: `${base}/jobs/${job}`, 'preference-applied': 'respond-async' };
  return { status: 201, headers, content: statusInfo(await calls.find(job), base) };
}

/** @throws HTTP_INVALID */
async function readInputs(request: IncomingMessage, budget: BodyBudget): Promise<unknown> {
  const body = await readBody(request, budget);
  try {
    const given: unknown = JSON.parse(body.bytes.toString());
    return (given as { readonly inputs?: unknown } | null)?.inputs ?? {};
  } catch (cause) {
    throw failure('HTTP_INVALID', { reason: 'its body is not JSON' }, cause);
  } finally {
    body.release();
  }
}

/** @throws FIELD_INVALID for the first input that is wrong */
function checked<Inputs>(schema: z.ZodType<Inputs>, given: unknown): Inputs {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw failure('FIELD_INVALID', { field: ['inputs', ...path.map(String)].join('.'), reason: message });
}

async function listJobs({ url, calls, base }: Request): Promise<object> {
  const limit = Number(url.searchParams.get('limit') ?? maximumJobs);
  if (!Number.isInteger(limit) || limit < 1) {
    throw failure('FIELD_INVALID', { field: 'limit', reason: 'it is not a whole number from 1' });
  }
  const jobs: object[] = [];
  for await (const job of calls.all()) {
    if (jobs.push(statusInfo(job, base)) >= Math.min(limit, maximumJobs)) break;
  }
  return { jobs, links: [selfLink(`${base}/jobs`)] };
}

/**
 * Returns links to the files of a map, or the name of a prepared scene.
 *
 * @throws JOB_NOT_DONE, and the error of the job
 */
function results({ process, status, scene, hasProbabilities }: OgcJob, { url, base }: Request): object {
  const { job, state } = status;
  if (state !== JobState.JOB_STATE_DONE) {
    const kind = process === 'classify' ? 'classification' : 'preparation';
    const word = state === JobState.JOB_STATE_FAILED ? 'failed' : 'running';
    throw failure('JOB_NOT_DONE', { kind, job, state: word });
  }
  if (process === 'prepare') return { scene };
  const reach = url.searchParams.get('smooth');
  const query = reach === null ? '' : `?smooth=${encodeURIComponent(reach)}`;
  const maps = `${base.slice(0, -root.length)}/maps/${job}`;
  const files = Object.entries(mapOutputs).filter(([name]) => name !== 'probabilities.tif' || hasProbabilities);
  return Object.fromEntries(
    files.map(([name, { title }]) => [
      name,
      { href: `${maps}/${name}${query}`, type: mapFileTypes[name as MapFile], title },
    ]),
  );
}
