import type { connect } from 'node:net';
import { type BerWriter, Client, Control, type SearchOptions, type SearchResult } from 'ldapts';
import { directoryUnreachable, Fault } from '../core/errors.ts';
import { openWire, PAGED_RESULTS } from './wire.ts';

export interface LdapSettings {
  /** `ldaps://host[:port]`, or `ldap://host[:port]`, where TLS begins before anything else is said. In this order. */
  readonly urls: readonly string[];
  /** PEM of those who vouch for its certificate, where that is not one of the well-known. */
  readonly ca: string | undefined;
  /** The account that reads. */
  readonly bindDn: string;
  readonly bindPassword: string;
}

/** A connection on which the account that reads is bound. */
export interface LdapSession {
  readonly client: Client;
  /** Page after page, empty ones too, until the directory says that it is the last (RFC 2696). */
  pages(base: string, options: SearchOptions, size: number): AsyncGenerator<SearchResult>;
}

/** An operation, and reaching the server with TLS and the bind of the account that reads. */
const OPERATION_MS = 5_000;
const REACH_MS = 4_000;

/**
 * Opens a connection as the account that reads, does something on it, and ends it.
 * @param most for all of it, in milliseconds
 * @throws Fault `directory_unreachable` where no server can be used; what the work throws, or an Error where it takes
 * too long
 */
export async function inDirectory<T>(
  s: LdapSettings,
  most: number,
  work: (session: LdapSession) => Promise<T>,
): Promise<T> {
  const problems: unknown[] = [];
  for (const url of s.urls) {
    let session: Awaited<ReturnType<typeof openSession>>;
    try {
      session = await openSession(url, s);
    } catch (error) {
      problems.push(error);
      continue;
    }
    try {
      return await within(most, work(session));
    } finally {
      session.end();
    }
  }
  throw directoryUnreachable(problems.length === 1 ? problems[0] : new AggregateError(problems, 'no server answers'));
}

async function openSession(url: string, s: LdapSettings): Promise<LdapSession & { end(): void }> {
  const wire = await openWire(url, s.ca, AbortSignal.timeout(REACH_MS));
  let isTaken = false;
  const client = new Client({
    url: 'ldap://wire',
    timeout: OPERATION_MS,
    createConnection: (() => {
      // After a break the library would come back by itself, without TLS, and say the next password in the clear.
      if (isTaken) throw new Error('the connection broke');
      isTaken = true;
      return wire;
    }) as unknown as typeof connect,
  });
  try {
    await within(REACH_MS, client.bind(s.bindDn, s.bindPassword));
  } catch (error) {
    wire.destroy();
    throw error;
  }
  return {
    client,
    end: () => void wire.destroy(),
    async *pages(base, options, size) {
      let cookie: Buffer = Buffer.alloc(0);
      do {
        yield await client.search(base, options, new Page(size, cookie));
        cookie = wire.cookie;
      } while (cookie.length > 0);
    },
  };
}

/** The library's own takes an empty page for the last. */
class Page extends Control {
  readonly #value: Buffer;
  constructor(size: number, cookie: Buffer) {
    super(PAGED_RESULTS, { critical: true });
    const length = Buffer.from([0x82, cookie.length >> 8, cookie.length & 0xff]);
    const parts = Buffer.concat([Buffer.from([0x02, 0x02, size >> 8, size & 0xff, 0x04]), length, cookie]);
    this.#value = Buffer.concat([Buffer.from([0x30, 0x82, parts.length >> 8, parts.length & 0xff]), parts]);
  }
  protected override writeControl(writer: BerWriter): void {
    writer.writeBuffer(this.#value, 0x04);
  }
}

/** @throws Error where it takes longer */
async function within<T>(most: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the directory took too long')), most);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** What went wrong with a directory, as a fault. */
export const asUnreachable = (error: unknown): Fault => (error instanceof Fault ? error : directoryUnreachable(error));
