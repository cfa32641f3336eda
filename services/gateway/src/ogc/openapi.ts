/** OpenAPI document of the OGC API. */
import { release } from '../release.js';
import { inputSchema, processes, type ProcessId } from './processes.js';

/** Classes of conformance of OGC API – Processes – Part 1: Core, version 1.0. */
export const conformance = ['core', 'ogc-process-description', 'json', 'oas30', 'job-list', 'dismiss'].map(
  (name) => `http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/${name}`,
);

/** Schemas that the standard publishes; the document refers to them. */
const schemas = 'https://schemas.opengis.net/ogcapi/processes/part1/1.0/openapi/schemas';

/** Returns the document. @param base address of the API, without a slash at its end */
export function openApi(base: string): object {
  const job = { name: 'jobId', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
  const limit = { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000 } };
  const smooth = { name: 'smooth', in: 'query', schema: { type: 'integer', minimum: 0, maximum: 1000 } };
  return {
    openapi: '3.0.3',
    info: { title: 'hyperswap', version: release, description: 'Land-cover maps of prepared hyperspectral scenes.' },
    servers: [{ url: base }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    security: [{ token: [] }, {}],
    paths: {
      '/': { get: operation('getLandingPage', 'Landing page', 'landingPage') },
      '/conformance': { get: operation('getConformance', 'Classes of conformance', 'confClasses') },
      '/processes': { get: operation('getProcesses', 'Processes', 'processList') },
      ...Object.fromEntries((Object.keys(processes) as ProcessId[]).flatMap(pathsOf)),
      '/jobs': { get: { ...operation('getJobs', 'Jobs', 'jobList'), parameters: [limit] } },
      '/jobs/{jobId}': {
        parameters: [job],
        get: operation('getJob', 'Status of a job', 'statusInfo'),
        delete: operation('dismissJob', 'Cancel a job', 'statusInfo'),
      },
      '/jobs/{jobId}/results': {
        parameters: [job, { ...smooth, description: 'Reach of the smoothing of the map in pixels; 0 means none.' }],
        get: operation('getResults', 'Results of a job', 'results'),
      },
    },
  };
}

function pathsOf(id: ProcessId): [string, object][] {
  const schema = { type: 'object', required: ['inputs'], properties: { inputs: inputSchema(id) } };
  const requestBody = { required: true, content: { 'application/json': { schema } } };
  const execute = operation(`execute-${id}`, processes[id].description, 'statusInfo', 201);
  return [
    [`/processes/${id}`, { get: operation(`get-${id}`, `Description of ${id}`, 'process') }],
    [`/processes/${id}/execution`, { post: { ...execute, requestBody } }],
  ];
}

/** Returns an operation that answers with a document of the standard. */
function operation(operationId: string, summary: string, schema: string, status = 200): object {
  const content = (type: string, name: string): object => ({ [type]: { schema: { $ref: `${schemas}/${name}.yaml` } } });
  return {
    operationId,
    summary,
    responses: {
      [status]: { description: summary, content: content('application/json', schema) },
      default: { description: 'Error', content: content('application/problem+json', 'exception') },
    },
  };
}
