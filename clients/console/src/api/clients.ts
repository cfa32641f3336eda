/** Clients of the services, over gRPC-web to the origin of this page. */
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { AdapterService } from '../../generated/hyperswap/v1/adapter_pb.js';
import { FleetService } from '../../generated/hyperswap/v1/fleet_pb.js';
import { SceneJobService } from '../../generated/hyperswap/v1/scene_job_pb.js';
import { SceneService } from '../../generated/hyperswap/v1/scene_pb.js';
import { TrainingService } from '../../generated/hyperswap/v1/training_pb.js';
import { authorization } from './token.js';

const withToken: Interceptor = (next) => (request) => {
  for (const [name, value] of Object.entries(authorization())) request.header.set(name, value);
  return next(request);
};

const transport = createGrpcWebTransport({ baseUrl: new URL('.', location.href).href, interceptors: [withToken] });

export const scenes = createClient(SceneService, transport);
export const sceneJobs = createClient(SceneJobService, transport);
export const adapters = createClient(AdapterService, transport);
export const trainings = createClient(TrainingService, transport);
export const fleet = createClient(FleetService, transport);
