export { serverProgram, type ServerProgram } from './server-programs.js';
export { minioServer, natsServer, type ManagedServer, type MinioServer } from './servers.js';
