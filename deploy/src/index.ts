export { writeChecksums } from './release/checksums.js';
export { planImage, type ImagePlan } from './release/images.js';
export { releaseNotes } from './release/release-notes.js';
export { stageCommand } from './release/stage-command.js';
export { workspaces, type Workspace } from './release/workspaces.js';
export { serverProgram, type ServerProgram } from './server-programs.js';
export { minioServer, natsServer, type ManagedServer, type MinioServer } from './servers.js';
