export { describeSettings, settingsSchema, type SettingDescription } from './describe-settings.js';
export { endpointOf } from './endpoints.js';
export { environmentName } from './environment.js';
export { loadConfig, type Config, type ConfigSources } from './config.js';
export { requireGuardedServer, requireGuardedServers, requireGuardedToken } from './exposure.js';
export { prepareHome } from './home.js';
export { readTransportSecurity, type TransportSecurity } from './transport-security.js';
export { serviceNames, type ServiceName } from './service-names.js';
