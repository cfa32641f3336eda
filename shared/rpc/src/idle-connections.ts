import type { Socket } from 'node:net';

interface Connection {
  calls: number;
  /** Fires after the allowed time without a call. */
  timer: NodeJS.Timeout;
}

/**
 * Connections of a server with the number of calls open on each. Those that stay without a call are cut off. grpc-js
 * asks idle clients to leave (`grpc.max_connection_idle_ms`), but keeps a connection on which half a frame has arrived.
 */
export class IdleConnections {
  /** By the peer's address, as grpc-js names it: `127.0.0.1:53211`. */
  private readonly connections = new Map<string, Connection>();

  /** @param milliseconds time that a connection may stay without a call */
  constructor(private readonly milliseconds: number) {}

  /** Adds a connection until it closes. */
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

  /** Counts a call that begins. @returns the function that counts its end */
  enter(peer: string): () => void {
    const connection = this.connections.get(peer);
    if (connection === undefined) return () => undefined;
    connection.calls += 1;
    return () => {
      connection.calls -= 1;
      if (this.connections.get(peer) === connection) connection.timer.refresh();
    };
  }
}
