/** Runs the real `grpcurl`, a gRPC client in Go that learns a server's methods only from its reflection. */
import { execFile } from 'node:child_process';
import { serverProgram } from '@hyperswap/deploy';
import { missingPrograms } from './programs.js';

/** Reason to skip tests that need grpcurl; undefined when they can run. In CI a missing program is an error. */
export const grpcurlMissing = await missingPrograms('grpcurl');

export interface GrpcurlResult {
  /** 0; 64 + the gRPC code when the server answered an error; another number when grpcurl itself failed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs grpcurl without TLS. @param args flags, then `host:port`, then a verb or method */
export async function grpcurl(...args: readonly string[]): Promise<GrpcurlResult> {
  const program = await serverProgram('grpcurl');
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 };
    execFile(program, ['-plaintext', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
