import { createServer, type Server, type TLSSocket } from 'node:tls';
import { makeCertificate } from './certificate.ts';
import { freePort } from './ports.ts';

/** BER (X.690): a tag, a length, and what it holds. */
export function ber(tag: number, ...parts: readonly (Buffer | string | number)[]): Buffer {
  const held = Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as string))),
  );
  const { length } = held;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), held]);
}

const result = (tag: number, ...more: Buffer[]): Buffer => ber(tag, ber(0x0a, 0), ber(0x04), ber(0x04), ...more);

/** A page of people, and the cookie with which the next one is asked for. */
export interface FakePage {
  readonly people: readonly string[];
  readonly cookie: string;
}

/**
 * A directory that says what a real one may say and slapd never does: one answer for each search, in this order; raw
 * bytes go out as they are.
 */
export class FakeDirectory {
  readonly url: string;
  readonly ca: string;
  searches = 0;
  readonly #server: Server;

  private constructor(url: string, ca: string, server: Server) {
    this.url = url;
    this.ca = ca;
    this.#server = server;
  }

  static async start(answers: readonly (FakePage | Buffer)[]): Promise<FakeDirectory> {
    const { pem, keyPem } = await makeCertificate('CN=localhost', 'localhost');
    const port = await freePort();
    const server = createServer({ cert: pem, key: keyPem }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (asked) => fake.#answer(socket, asked, answers));
    });
    const fake = new FakeDirectory(`ldaps://localhost:${port}`, pem, server);
    await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
    return fake;
  }

  #answer(socket: TLSSocket, asked: Buffer, answers: readonly (FakePage | Buffer)[]): void {
    // LDAPMessage: a sequence of an id (one byte, in a test), and the operation.
    const headerSize = asked[1]! < 0x80 ? 2 : 2 + (asked[1]! & 0x7f);
    const id = ber(0x02, asked[headerSize + 2]!);
    const operation = asked[headerSize + 3];
    const message = (...parts: Buffer[]): Buffer => ber(0x30, id, ...parts);
    if (operation === 0x60) socket.write(message(result(0x61)));
    if (operation !== 0x63) return;
    const answer = answers[this.searches];
    this.searches += 1;
    if (Buffer.isBuffer(answer)) {
      socket.write(answer);
      return;
    }
    for (const uid of answer?.people ?? []) {
      const attribute = (name: string, value: string) => ber(0x30, ber(0x04, name), ber(0x31, ber(0x04, value)));
      const attributes = [
        attribute('mail', `${uid}@example.org`),
        attribute('entryUUID', `id-of-${uid}`),
        attribute('cn', uid),
      ];
      socket.write(message(ber(0x64, ber(0x04, `uid=${uid}`), ber(0x30, ...attributes))));
    }
    const page = ber(0x30, ber(0x02, 0), ber(0x04, answer?.cookie ?? ''));
    const control = ber(0x30, ber(0x04, '1.2.840.113556.1.4.319'), ber(0x04, page));
    socket.write(message(result(0x65), ber(0xa0, control)));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
