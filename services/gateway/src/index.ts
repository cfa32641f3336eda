export { startGateway, type GatewayOptions, type RunningGateway } from './gateway.js';
export type { Route } from './routes.js';
