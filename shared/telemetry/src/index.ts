export { createLogger, servingInstruments, startTelemetry, type Logger } from './telemetry.js';
