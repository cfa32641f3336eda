/** Links between the documents of the OGC API. */
import type { ProcessId } from './processes.js';

const relations = 'http://www.opengis.net/def/rel/ogc/1.0';

/** Returns the landing page. @param base address of the API, without a slash at its end */
export function landingPage(base: string): object {
  const link = (path: string, rel: string, title: string, type = 'application/json'): object => ({
    ...{ href: `${base}${path}`, rel, title, type },
  });
  return {
    title: 'hyperswap',
    description: 'Land-cover maps of prepared hyperspectral scenes.',
    links: [
      link('/', 'self', 'This page'),
      link('/api', 'service-desc', 'OpenAPI document', 'application/vnd.oai.openapi+json;version=3.0'),
      link('/conformance', `${relations}/conformance`, 'Classes of conformance'),
      link('/processes', `${relations}/processes`, 'Processes'),
      link('/jobs', `${relations}/job-list`, 'Jobs'),
    ],
  };
}

/** Returns the links of a process: its description, and where to execute it. */
export function processLinks(base: string, id: ProcessId): object[] {
  const process = `${base}/processes/${id}`;
  const execute = { href: `${process}/execution`, rel: `${relations}/execute` };
  return [selfLink(process), { ...execute, type: 'application/json', title: 'Start a job' }];
}

export function selfLink(href: string): object {
  return { href, rel: 'self', type: 'application/json', title: 'This document' };
}
