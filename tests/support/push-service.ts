import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { importJWK, jwtVerify } from 'jose';

/**
 * A push service (RFC 8030) with the browser's side of encryption (RFC 8291) and of VAPID (RFC 8292), written from
 * the RFCs, so that it judges what `web-push` and our transport send.
 */
export interface Subscription {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

export interface Delivered {
  readonly endpoint: string;
  /** What the browser would hand to the service worker. */
  readonly data: string;
  readonly ttl: number;
  readonly urgency: string | undefined;
  readonly topic: string | undefined;
  readonly vapid: { aud?: unknown; sub?: unknown; exp?: unknown };
  readonly authorization: string;
  readonly size: number;
}

interface Subscriber {
  readonly ecdh: ReturnType<typeof createECDH>;
  readonly auth: Buffer;
  readonly serverKey: string;
  isGone: boolean;
}

const LARGEST_BODY = 4096;

export class PushService {
  readonly origin: string;
  readonly delivered: Delivered[] = [];
  readonly rejected: string[] = [];
  readonly #server: Server;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #waiters: ((message: Delivered) => void)[] = [];
  /** Answers with this status instead, to play a service that is broken. */
  failWith: number | undefined;
  /** Takes what it is sent, and does not answer until this resolves. */
  frozen: Promise<void> | undefined;

  private constructor(server: Server, origin: string) {
    this.#server = server;
    this.origin = origin;
  }

  static async start(): Promise<PushService> {
    let service: PushService;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        service
          .#receive(
            request.url ?? '',
            request.method ?? '',
            request.headers as Record<string, string>,
            Buffer.concat(chunks),
          )
          .then(
            (status) => response.writeHead(status, status === 201 ? { location: '/message' } : {}).end(),
            (error: Error) => {
              service.rejected.push(error.message);
              response.writeHead(400).end();
            },
          );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    service = new PushService(server, `http://127.0.0.1:${port}`);
    return service;
  }

  /** What `pushManager.subscribe()` gives a page. */
  subscribe(applicationServerKey: string): Subscription {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    const auth = randomBytes(16);
    const path = `/push/${randomBytes(16).toString('base64url')}`;
    this.#subscribers.set(path, { ecdh, auth, serverKey: applicationServerKey, isGone: false });
    return {
      endpoint: this.origin + path,
      keys: { p256dh: ecdh.getPublicKey('base64url'), auth: auth.toString('base64url') },
    };
  }

  /** From now on the subscription answers 410. */
  expire(endpoint: string): void {
    this.#subscribers.get(endpoint.slice(this.origin.length))!.isGone = true;
  }

  /** The next message that arrives. */
  next(ms = 10_000): Promise<Delivered> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no push came within ${ms} ms; refused: ${this.rejected.join(', ')}`)),
        ms,
      );
      this.#waiters.push((message) => {
        clearTimeout(timer);
        resolve(message);
      });
    });
  }

  async #receive(path: string, method: string, headers: Record<string, string>, body: Buffer): Promise<number> {
    await this.frozen;
    if (this.failWith) return this.failWith;
    const subscriber = this.#subscribers.get(path);
    if (!subscriber) return 404;
    if (subscriber.isGone) return 410;
    const expect = (isTrue: boolean, what: string): void => {
      if (!isTrue) throw new Error(what);
    };
    expect(method === 'POST', 'method');
    expect(body.length <= LARGEST_BODY, 'body over 4096 octets (RFC 8030, 7.2)');
    expect(/^\d+$/.test(headers.ttl ?? ''), 'TTL (RFC 8030, 5.2)');
    expect(['very-low', 'low', 'normal', 'high', undefined].includes(headers.urgency), 'Urgency (RFC 8030, 5.3)');
    expect(headers.topic === undefined || /^[\w-]{1,32}$/.test(headers.topic), 'Topic (RFC 8030, 5.4)');
    expect(headers['content-encoding'] === 'aes128gcm', 'Content-Encoding (RFC 8291, 4)');
    const vapid = await this.#verifyVapid(headers.authorization ?? '', subscriber.serverKey);
    const message: Delivered = {
      endpoint: this.origin + path,
      data: decrypt(body, subscriber).toString('utf8'),
      ttl: Number(headers.ttl),
      urgency: headers.urgency,
      topic: headers.topic,
      vapid,
      authorization: headers.authorization ?? '',
      size: body.length,
    };
    this.delivered.push(message);
    for (const waiter of this.#waiters.splice(0)) waiter(message);
    return 201;
  }

  /** `vapid t=<JWT>, k=<key>`: signed by the key of the subscription, for this origin, for at most 24 hours, with a contact. */
  async #verifyVapid(header: string, serverKey: string): Promise<Delivered['vapid']> {
    const { t = '', k = '' } = Object.fromEntries(
      [...header.matchAll(/([tk])=([\w.-]+)/g)].map(([, name, value]) => [name, value]),
    ) as Record<string, string>;
    if (k !== serverKey) throw new Error('the VAPID key is not that of the subscription');
    const point = Buffer.from(k, 'base64url');
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    const { payload } = await jwtVerify(t, await importJWK(jwk, 'ES256'), {
      audience: this.origin,
      algorithms: ['ES256'],
    });
    if ((payload.exp ?? Number.POSITIVE_INFINITY) > Date.now() / 1000 + 86_400)
      throw new Error('VAPID token over 24 hours');
    if (!/^(mailto:|https:)/.test(payload.sub ?? '')) throw new Error('VAPID contact');
    return payload;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** RFC 8188 (one record) with the keys of RFC 8291, section 3.4. */
function decrypt(body: Buffer, { ecdh, auth }: Subscriber): Buffer {
  const salt = body.subarray(0, 16);
  const keyIdLength = body[20]!;
  if (keyIdLength !== 65) throw new Error('the sender key must be an uncompressed P-256 point');
  const senderKey = body.subarray(21, 21 + keyIdLength);
  const record = body.subarray(21 + keyIdLength);
  const hkdf = (key: Buffer, with_: Buffer, info: Buffer, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', key, with_, info, length));
  const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), senderKey]);
  const secret = hkdf(ecdh.computeSecret(senderKey), auth, keyInfo, 32);
  const cipher = createDecipheriv(
    'aes-128-gcm',
    hkdf(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16),
    hkdf(secret, salt, Buffer.from('Content-Encoding: nonce\0'), 12),
  );
  cipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  const end = plain.findLastIndex((byte) => byte !== 0);
  if (plain[end] !== 2) throw new Error('the last record ends with 0x02 (RFC 8188, 2)');
  return plain.subarray(0, end);
}
