import { connect as connectPlain, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { checkFits, type Element, elementAt, partsOf } from './ber.ts';

/** Far more than a person’s entry needs. */
const LARGEST_MESSAGE = 8 * 1024 * 1024;
const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const SEARCH_DONE = 0x65;
const EXTENDED_RESPONSE = 0x78;
const CONTROLS = 0xa0;
/** RFC 2696. */
export const PAGED_RESULTS = '1.2.840.113556.1.4.319';
const START_TLS = '1.3.6.1.4.1.1466.20037';

/**
 * What is said to a directory, behind TLS. Only whole messages whose parts fit into each other go on to the library,
 * which on others would loop without end; and it gets no second connection, which it would open without TLS.
 */
export class Wire extends Duplex {
  /** What the library asks of a socket. */
  readonly connecting = false;
  readonly readyState = 'open';
  /** With which the last search that was over goes on; empty where it is at its end. */
  cookie: Buffer = Buffer.alloc(0);
  #pending: Buffer = Buffer.alloc(0);
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    super();
    this.#socket = socket;
    this.on('error', () => {});
    socket.on('data', (part: Buffer) => this.#take(part));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  #take(part: Buffer): void {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, part]) : part;
    try {
      for (;;) {
        const message = wholeMessage(this.#pending);
        if (!message) return;
        const bytes = this.#pending.subarray(0, message.end);
        checkFits(bytes, message);
        this.#notice(bytes, message);
        this.#pending = this.#pending.subarray(message.end);
        this.push(bytes);
      }
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #notice(bytes: Buffer, message: Element): void {
    const [, operation, controls] = partsOf(bytes, message);
    if (operation?.tag !== SEARCH_DONE) return;
    this.cookie = Buffer.alloc(0);
    if (controls?.tag !== CONTROLS) return;
    for (const control of partsOf(bytes, controls)) {
      const parts = partsOf(bytes, control);
      const [type] = parts;
      const value = parts.at(-1);
      if (!type || !value || bytes.toString('latin1', type.start, type.end) !== PAGED_RESULTS) continue;
      const held = elementAt(bytes, value.start);
      const cookie = held && partsOf(bytes, held)[1];
      if (cookie?.tag === OCTET_STRING) this.cookie = Buffer.from(bytes.subarray(cookie.start, cookie.end));
    }
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

function wholeMessage(bytes: Buffer): Element | undefined {
  const message = elementAt(bytes, 0);
  if (message && (message.tag !== SEQUENCE || message.end > LARGEST_MESSAGE))
    throw new Error('the directory sent no message of LDAP');
  return message && message.end <= bytes.length ? message : undefined;
}

/**
 * Reaches a server, with TLS before anything else is said (RFC 4511, section 4.14, on `ldap://`).
 * @throws where it cannot be reached, has no TLS or a certificate of nobody we know, or `signal` says that it is enough
 */
export async function openWire(url: string, ca: string | undefined, signal: AbortSignal): Promise<Wire> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isSecure = protocol === 'ldaps:';
  const tcp = connectPlain(Number(port) || (isSecure ? 636 : 389), host);
  try {
    await happened(tcp, 'connect', signal);
    if (!isSecure) await startTls(tcp, signal);
    const options: ConnectionOptions = { socket: tcp, host, minVersion: 'TLSv1.2', ...(ca ? { ca } : {}) };
    // A name that is an address is not sent (RFC 6066, section 3); it is checked all the same.
    if (!/^[\d.]+$|:/.test(host)) options.servername = host;
    const socket = connectTls(options);
    await happened(socket, 'secureConnect', signal);
    return new Wire(socket);
  } catch (error) {
    tcp.destroy();
    throw error;
  }
}

async function startTls(socket: Socket, signal: AbortSignal): Promise<void> {
  const name = Buffer.concat([Buffer.from([0x80, START_TLS.length]), Buffer.from(START_TLS)]);
  const request = Buffer.concat([Buffer.from([0x02, 0x01, 0x01, 0x77, name.length]), name]);
  socket.write(Buffer.concat([Buffer.from([SEQUENCE, request.length]), request]));
  let answer: Buffer = Buffer.alloc(0);
  let message: Element | undefined;
  while (!message) {
    await happened(socket, 'readable', signal);
    answer = Buffer.concat([answer, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
    message = wholeMessage(answer);
  }
  checkFits(answer, message);
  const [, operation] = partsOf(answer, message);
  const [code] = operation?.tag === EXTENDED_RESPONSE ? partsOf(answer, operation) : [];
  // Whatever comes with the answer was not said behind TLS.
  if (
    message.end !== answer.length ||
    socket.readableLength > 0 ||
    !code ||
    answer[code.start] !== 0 ||
    code.end - code.start !== 1
  )
    throw new Error('the directory does not begin TLS');
}

/** The next time that something happens on a socket. @throws where it ends before, or it is enough */
function happened(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (settle: () => void) => (): void => {
      socket.off(event, onEvent).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      // Nobody may be there for what comes later.
      socket.on('error', () => {});
      settle();
    };
    const onEvent = over(resolve);
    const onError = (error: Error): void => over(() => reject(error))();
    const onClose = over(() => reject(new Error('the directory ended the connection')));
    const onAbort = over(() => {
      socket.destroy();
      reject(new Error('the directory took too long'));
    });
    socket.on(event, onEvent).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
