export { environmentName, loadConfig, type Config, type ConfigSources } from './config.js';
