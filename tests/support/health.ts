import { health } from '@hyperswap/proto';
import { callUnary, connect, type ClientAccess } from '@hyperswap/rpc';

export const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;

/**
 * Calls `grpc.health.v1` once, as a probe does.
 *
 * @param service full name; empty for all services, `liveness` for the process
 */
export async function healthOf(
  endpoint: string,
  service = '',
  access: ClientAccess = {},
): Promise<health.HealthCheckResponse_ServingStatus> {
  const client = connect(health.HealthClient, endpoint, access);
  try {
    return (await callUnary(client, 'check', { service }, { timeout: 5_000 })).status;
  } finally {
    client.close();
  }
}
