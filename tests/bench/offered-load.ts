/** Load test with tiles at a fixed rate, sent by ghz, even if the pod cannot keep up. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverProgram } from '@hyperswap/deploy';
import { openInference } from '@hyperswap/proto';
import { repository } from '../support/fixtures.js';
import { pixelRequest } from '../support/inference-client.js';

/** Rates as shares of what the pod answers in a closed loop. */
const shares = [0.25, 0.5, 0.75, 0.9, 1, 1.25, 2];
const [connections, deadline] = [32, '2s'];
const side = 8;

/** Report of ghz. Times are nanoseconds. */
interface Report {
  readonly count: number;
  readonly rps: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[] | null;
}

/**
 * Measures a pod at several rates of `ModelInfer`, each with a tile of 8 × 8 raw pixels and a deadline of 2 seconds.
 *
 * @param adapter in the requests
 * @param milliseconds of each rate
 */
export async function measureOffered(endpoint: string, adapter: string, milliseconds: number) {
  const ghz = await serverProgram('ghz');
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-offered-'));
  try {
    const values = Float32Array.from({ length: side * side * 16 }, (_, index) => 2000 + ((index * 37) % 401));
    const request = pixelRequest(adapter, values, [side, side, 16]);
    const file = path.join(directory, 'request.bin');
    await writeFile(file, openInference.ModelInferRequest.encode(request).finish());
    const run = async (...args: readonly string[]): Promise<Report> => {
      const common = [
        '--insecure',
        '--import-paths',
        path.join(repository, 'proto'),
        '--proto',
        'inference/open_inference.proto',
      ];
      const call = ['--call', 'inference.GRPCInferenceService/ModelInfer', '--binary-file', file, '--format', 'json'];
      const time = ['--duration', `${milliseconds}ms`, '--duration-stop', 'wait', '--connections', String(connections)];
      const all = [...common, ...call, ...time, ...args, endpoint];
      return JSON.parse((await promisify(execFile)(ghz, all, { maxBuffer: 1 << 28 })).stdout) as Report;
    };
    await run('--concurrency', String(connections));
    const closed = await run('--concurrency', String(connections));
    const capacity = closed.rps;
    const rows = [];
    for (const share of shares) {
      const rate = Math.round(capacity * share);
      const report = await run('--rps', String(rate), '--concurrency', '512', '--async', '--timeout', deadline);
      rows.push(tell(share, rate, report));
    }
    return { capacity, rows };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Prints and returns a row. */
function tell(share: number, offered: number, { count, statusCodeDistribution, latencyDistribution }: Report) {
  const answered = statusCodeDistribution.OK ?? 0;
  const latency = (percentage: number): number | undefined => {
    const found = latencyDistribution?.find((entry) => entry.percentage === percentage)?.latency;
    return found === undefined ? undefined : found / 1e6;
  };
  const row = { share, offered, count, answered, codes: statusCodeDistribution, median: latency(50), p99: latency(99) };
  console.log(
    `offered ${(100 * share).toFixed(0).padStart(3)} % (${String(offered).padStart(3)}/s)  answered ${((100 * answered) / count).toFixed(1).padStart(5)} %` +
      `  p50 ${row.median?.toFixed(0) ?? '–'} ms  p99 ${row.p99?.toFixed(0) ?? '–'} ms  ${JSON.stringify(statusCodeDistribution)}`,
  );
  return row;
}
