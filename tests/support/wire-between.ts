import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A TCP address that leads to a port, which may change, and whose connections may be cut or held up. */
export class WireBetween {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param delayMs for what goes each way */
  static async to(portNow: () => number, delayMs = 0): Promise<WireBetween> {
    const server = createServer((socket) => {
      const onward = connect(portNow(), '127.0.0.1');
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        wire.#sockets.add(one);
        if (delayMs > 0) one.pipe(late(delayMs)).pipe(other);
        else one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          wire.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const wire = new WireBetween(server, (server.address() as { port: number }).port);
    return wire;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing goes through for so long; then all that was held does. */
  async hold(ms: number): Promise<void> {
    const held = [...this.#sockets];
    for (const socket of held) socket.pause();
    await new Promise((resolve) => setTimeout(resolve, ms));
    for (const socket of held) if (!socket.destroyed) socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** What is written comes out so much later, in the same order. */
const late = (ms: number): Transform =>
  new Transform({
    transform(chunk, _encoding, done) {
      setTimeout(() => done(null, chunk), ms);
    },
  });
