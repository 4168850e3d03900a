import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

interface ClientMessage {
  readonly messageType?: string;
  readonly channelID?: string;
  readonly uaid?: string;
  readonly updates?: readonly { readonly code?: number }[];
}

/** The two sides of Mozilla's push service, as far as one Firefox needs: a WebSocket for it, RFC 8030 for us. */
export class MozillaPushService {
  readonly origin: string;
  readonly socketUrl: string;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  #acknowledged: ((code: number) => void)[] = [];

  private constructor(server: Server, sockets: WebSocketServer, origin: string) {
    this.#server = server;
    this.#sockets = sockets;
    this.origin = origin;
    this.socketUrl = `${origin.replace('http', 'ws')}/`;
  }

  static async start(): Promise<MozillaPushService> {
    const channels = new Map<string, { socket: WebSocket; channelID: string }>();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const channel = channels.get(request.url ?? '');
        if (!channel) return response.writeHead(404).end();
        channel.socket.send(
          JSON.stringify({
            messageType: 'notification',
            channelID: channel.channelID,
            version: randomUUID(),
            ttl: Number(request.headers.ttl),
            data: Buffer.concat(chunks).toString('base64url'),
            headers: { encoding: request.headers['content-encoding'] },
          }),
        );
        return response.writeHead(201, { location: '/message' }).end();
      });
    });
    const sockets = new WebSocketServer({ server, handleProtocols: (protocols) => [...protocols][0] ?? false });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const service = new MozillaPushService(server, sockets, `http://127.0.0.1:${port}`);
    sockets.on('connection', (socket) => {
      socket.on('message', (raw) => service.#answer(socket, JSON.parse(String(raw)) as ClientMessage, channels));
    });
    return service;
  }

  #answer(
    socket: WebSocket,
    message: ClientMessage,
    channels: Map<string, { socket: WebSocket; channelID: string }>,
  ): undefined {
    const reply = (content: object): undefined => void socket.send(JSON.stringify(content));
    switch (message.messageType) {
      case 'hello':
        return reply({
          messageType: 'hello',
          uaid: message.uaid || randomBytes(16).toString('hex'),
          status: 200,
          use_webpush: true,
          broadcasts: {},
        });
      case 'register': {
        const path = `/wpush/v2/${randomBytes(24).toString('base64url')}`;
        channels.set(path, { socket, channelID: message.channelID ?? '' });
        return reply({
          messageType: 'register',
          channelID: message.channelID,
          status: 200,
          pushEndpoint: this.origin + path,
        });
      }
      case 'unregister':
        return reply({ messageType: 'unregister', channelID: message.channelID, status: 200 });
      case 'ack':
        for (const { code = 0 } of message.updates ?? [])
          for (const waiter of this.#acknowledged.splice(0)) waiter(code);
        return undefined;
      case 'ping':
      case undefined:
        return reply({});
    }
    return undefined;
  }

  /** The code with which Firefox acknowledges the next message: 100 delivered, 101 it could not be decrypted. */
  nextAcknowledged(): Promise<number> {
    return new Promise((resolve) => this.#acknowledged.push(resolve));
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
