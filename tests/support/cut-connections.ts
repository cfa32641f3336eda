import { createServer, connect as connectTo, type AddressInfo } from 'node:net';

export interface CuttingProxy {
  readonly endpoint: string;
  /** Number of connections cut off. */
  readonly cut: () => number;
  close(): void;
}

/**
 * Proxy to a server that cuts off the first connections at a given age. Real servers and load balancers do so to spread
 * their clients.
 */
export async function startCuttingProxy(
  endpoint: string,
  { connections, milliseconds }: { readonly connections: number; readonly milliseconds: number },
): Promise<CuttingProxy> {
  const [host, port] = endpoint.split(':') as [string, string];
  let opened = 0;
  let cut = 0;
  const server = createServer((client) => {
    const upstream = connectTo(Number(port), host);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    if (opened++ >= connections) return;
    setTimeout(() => {
      if (!client.destroyed) cut++;
      end();
    }, milliseconds);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => cut,
    close: () => {
      server.close();
    },
  };
}
