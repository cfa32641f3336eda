import type { Socket } from 'node:net';

interface Connection {
  calls: number;
  /** Runs while there is no call. */
  timer: NodeJS.Timeout;
}

/**
 * Connections by their peer, as `127.0.0.1:53211`, and how many calls are open on each. grpc-js asks idle clients to leave (`grpc.max_connection_idle_ms`), but
 * a connection on which half a frame has arrived outlives that. Here it ends without being asked.
 */
export class IdleConnections {
  private readonly connections = new Map<string, Connection>();

  /** @param milliseconds that a connection may stay without a call */
  constructor(private readonly milliseconds: number) {}

  /** Watches over a connection until it is closed. */
  add(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const timer = setTimeout(() => {
      if (connection.calls === 0) socket.destroy();
    }, this.milliseconds).unref();
    const connection = { calls: 0, timer };
    this.connections.set(peer, connection);
    socket.once('close', () => {
      clearTimeout(timer);
      if (this.connections.get(peer) === connection) this.connections.delete(peer);
    });
  }

  /** A call begins. */
  enter(peer: string): void {
    const connection = this.connections.get(peer);
    if (connection !== undefined) connection.calls += 1;
  }

  /** A call has ended. */
  leave(peer: string): void {
    const connection = this.connections.get(peer);
    if (connection === undefined) return;
    connection.calls -= 1;
    connection.timer.refresh();
  }
}
