import { sceneJobs } from '../api/clients.js';

/** Starts the classification of a scene, which goes on when this page is closed. @returns the job */
export async function startMap(scene: string, adapter: string, probabilities: boolean): Promise<string> {
  for await (const { event } of sceneJobs.classifyScene({ scene, adapter, probabilities, detached: true })) {
    if (event.case === 'accepted') return event.value.status!.job;
  }
  throw new Error('The classification was not accepted.');
}
