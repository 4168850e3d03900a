import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { Client } from 'ldapts';
import { directoryUnreachable } from '../core/errors.ts';

export interface LdapSettings {
  /** `ldaps://host[:port]`, or `ldap://host[:port]`, where TLS begins before anything else is said. In this order. */
  readonly urls: readonly string[];
  /** PEM of those who vouch for its certificate, where that is not one of the well-known. */
  readonly ca: string | undefined;
  /** The account that reads. */
  readonly bindDn: string;
  readonly bindPassword: string;
}

/** An operation, and reaching the server. */
const OPERATION_MS = 5_000;
const CONNECT_MS = 3_000;

/**
 * Opens a connection as the account that reads, does something on it, and ends it. There is one connection and no
 * second: the library would come back without TLS after a break, and say the next password in the clear.
 * @param most for all of it, in milliseconds
 * @throws Fault `directory_unreachable` where no server can be used, or what is done takes too long
 */
export async function inDirectory<T>(s: LdapSettings, most: number, work: (client: Client) => Promise<T>): Promise<T> {
  const problems: unknown[] = [];
  for (const url of s.urls) {
    const opened = openClient(url, s.ca);
    const timer = setTimeout(opened.end, most);
    try {
      try {
        await opened.secure();
        await opened.client.bind(s.bindDn, s.bindPassword);
      } catch (error) {
        problems.push(error);
        continue;
      }
      return await work(opened.client);
    } finally {
      clearTimeout(timer);
      opened.end();
    }
  }
  throw directoryUnreachable(problems.length === 1 ? problems[0] : new AggregateError(problems, 'no server answers'));
}

function openClient(url: string, ca: string | undefined): { client: Client; secure(): Promise<void>; end(): void } {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const tls: ConnectionOptions = { host, minVersion: 'TLSv1.2', ...(ca ? { ca } : {}) };
  if (!/^[\d.]+$|:/.test(host)) tls.servername = host;
  const sockets: { destroy(): unknown }[] = [];
  const once = <S extends { destroy(): unknown }>(socket: S): S => {
    sockets.push(socket);
    return socket;
  };
  const isSecure = protocol === 'ldaps:';
  const client = new Client({
    url,
    timeout: OPERATION_MS,
    connectTimeout: CONNECT_MS,
    ...(isSecure ? { tlsOptions: tls } : {}),
    createConnection: ((port: number) => {
      if (sockets.length > 0) throw new Error('the connection broke');
      return once(connectPlain(port, host));
    }) as typeof connectPlain,
    createSecureConnection: ((portOrOptions: number | ConnectionOptions) => {
      if (sockets.length > (isSecure ? 0 : 1)) throw new Error('the connection broke');
      const options = typeof portOrOptions === 'number' ? { ...tls, port: portOrOptions } : portOrOptions;
      return once(connectTls(options) as TLSSocket);
    }) as typeof connectTls,
  });
  return {
    client,
    secure: async () => (isSecure ? undefined : client.startTLS(tls)),
    end() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
