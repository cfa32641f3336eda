/** `make servers`: nats-server and MinIO on loopback until Ctrl-C, for development. */
import path from 'node:path';
import { onStopSignal } from '@hyperswap/errors';
import { minioServer, natsServer } from './servers.js';

const [directory = '.hyperswap/servers'] = process.argv.slice(2);
const nats = await natsServer(path.join(directory, 'nats'), 4222);
const minio = await minioServer(path.join(directory, 'minio'), 9000);
await nats.start();
await minio.start();
process.stdout.write(`nats-server and MinIO run; their data is in ${directory}. In another terminal:

export NATS_URL=nats://127.0.0.1:${nats.port}
export S3_ENDPOINT=http://127.0.0.1:${minio.port} S3_ACCESS_KEY=${minio.accessKey} S3_SECRET_KEY=${minio.secretKey} S3_BUCKET=hyperswap
./bin/hyperswap up

`);
await new Promise((resolve) => onStopSignal(resolve));
await Promise.all([nats.stop(), minio.stop()]);
