import { createServer, connect as connectTo, type AddressInfo } from 'node:net';

export interface CuttingProxy {
  readonly endpoint: string;
  /** Number of connections cut off. */
  readonly cut: () => number;
  /** Number of bytes that clients have received. */
  readonly received: () => number;
  /** Cuts off all connections that are open. */
  readonly cutAll: () => void;
  close(): void;
}

/** Moment at which the first connections are cut off: an age, or a number of bytes from the client. */
export interface Cuts {
  readonly connections: number;
  readonly milliseconds?: number;
  readonly bytes?: number;
}

/** Proxy that closes the first connections, as load balancers and bad networks do. */
export async function startCuttingProxy(
  endpoint: string,
  { connections, milliseconds, bytes = Infinity }: Cuts,
): Promise<CuttingProxy> {
  const [host, port] = endpoint.split(':') as [string, string];
  let opened = 0;
  let cut = 0;
  let received = 0;
  const open = new Set<() => void>();
  const server = createServer((client) => {
    const upstream = connectTo(Number(port), host);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    open.add(end);
    client.on('close', () => open.delete(end));
    upstream.on('data', (piece: Buffer) => (received += piece.byteLength));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    if (opened++ >= connections) return;
    const cutOff = (): void => {
      if (!client.destroyed) cut++;
      end();
    };
    let sent = 0;
    client.on('data', (piece: Buffer) => {
      sent += piece.byteLength;
      if (sent >= bytes) cutOff();
    });
    if (milliseconds !== undefined) setTimeout(cutOff, milliseconds);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => cut,
    received: () => received,
    cutAll: () => {
      for (const end of open) end();
    },
    close: () => {
      server.close();
    },
  };
}
