import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from './certificate.ts';
import { isInstalled } from './judges.ts';
import { freePort } from './ports.ts';

const SLAPD = '/usr/sbin/slapd';
export const BASE = 'dc=example,dc=org';
export const PEOPLE = `ou=people,${BASE}`;
export const READER = `cn=reader,${BASE}`;
export const READER_PASSWORD = 'reads and writes nothing';
const ADMIN = `cn=admin,${BASE}`;
const ADMIN_PASSWORD = 'writes everything';

export interface LdapPerson {
  readonly uid: string;
  readonly name?: string;
  readonly mail?: string;
  readonly password?: string;
  /** Sixteen bytes, as Active Directory has them. */
  readonly guid?: Buffer;
}

/**
 * Debian's slapd with a directory of its own, changed by Debian's own tools. It lets anybody "bind" with an empty
 * password (RFC 4513, section 5.1.2), as some servers do, and gives only the reading account something to read.
 */
export class Slapd {
  readonly port: number;
  readonly securePort: number;
  /** PEM. */
  readonly ca: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number, securePort: number, ca: string) {
    this.#folder = folder;
    this.port = port;
    this.securePort = securePort;
    this.ca = ca;
  }

  static isInstalled(): boolean {
    return existsSync(SLAPD) && isInstalled('ldapmodify');
  }

  static async start(): Promise<Slapd> {
    const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-slapd-'));
    const { pem, keyPem } = await makeCertificate('CN=localhost', 'localhost');
    mkdirSync(join(folder, 'db'));
    writeFileSync(join(folder, 'cert.pem'), pem);
    writeFileSync(join(folder, 'key.pem'), keyPem, { mode: 0o600 });
    writeFileSync(
      join(folder, 'slapd.conf'),
      `modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.32473.1 NAME 'likeActiveDirectory' SUP top AUXILIARY MAY objectGUID )
pidfile ${folder}/slapd.pid
allow bind_anon_cred bind_anon_dn
TLSCertificateFile ${folder}/cert.pem
TLSCertificateKeyFile ${folder}/key.pem
database mdb
suffix "${BASE}"
rootdn "${ADMIN}"
rootpw ${ADMIN_PASSWORD.replaceAll(' ', '')}
directory ${folder}/db
maxsize 104857600
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${READER}" read by * none
limits dn.exact="${READER}" size.soft=500 size.hard=500 size.prtotal=unlimited
`,
    );
    const slapd = new Slapd(folder, await freePort(), await freePort(), pem);
    execFileSync('slapadd', ['-f', join(folder, 'slapd.conf')], {
      input: `dn: ${BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Voorbeeld

dn: ${READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: ${READER_PASSWORD}

dn: ${PEOPLE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,${BASE}
objectClass: organizationalUnit
ou: groups
`,
    });
    await slapd.resume();
    return slapd;
  }

  get url(): string {
    return `ldaps://localhost:${this.securePort}`;
  }

  /** The settings of an installation that is served by this directory. */
  settings(more: Record<string, string> = {}): Record<string, string> {
    return {
      LDAP_URL: this.url,
      LDAP_CA: this.ca,
      LDAP_BIND_DN: READER,
      LDAP_BIND_PASSWORD: READER_PASSWORD,
      LDAP_BASE: PEOPLE,
      ...more,
    };
  }

  async resume(): Promise<void> {
    if (this.#process?.exitCode === null) return;
    const conf = join(this.#folder, 'slapd.conf');
    const listen = `ldap://localhost:${this.port} ${this.url}`;
    this.#process = spawn(SLAPD, ['-d', '0', '-h', listen, '-f', conf], { stdio: 'ignore' });
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (await answers(this.securePort)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('slapd does not listen');
  }

  async pause(): Promise<void> {
    const { exitCode } = this.#process!;
    if (exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process!.once('exit', resolve));
    this.#process!.kill('SIGTERM');
    await ended;
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs LDIF (RFC 2849) as the directory's own administrator. */
  modify(ldif: string): void {
    execFileSync(
      'ldapmodify',
      ['-x', '-H', `ldap://localhost:${this.port}`, '-D', ADMIN, '-w', ADMIN_PASSWORD.replaceAll(' ', '')],
      { input: ldif, stdio: ['pipe', 'ignore', 'pipe'] },
    );
  }

  add(...people: readonly LdapPerson[]): void {
    this.modify(people.map(entryOf).join('\n'));
  }

  remove(...uids: readonly string[]): void {
    this.modify(uids.map((uid) => `dn: ${dnOf(uid)}\nchangetype: delete\n`).join('\n'));
  }

  set(uid: string, attribute: string, value: string): void {
    this.modify(`dn: ${dnOf(uid)}\nchangetype: modify\nreplace: ${attribute}\n${attribute}: ${value}\n`);
  }

  group(name: string, ...uids: readonly string[]): void {
    const members = uids.map((uid) => `member: ${dnOf(uid)}`).join('\n');
    const rdn = name.replace(/([,+"\\<>;=])/g, '\\$1');
    this.modify(
      `dn: cn=${rdn},ou=groups,${BASE}\nchangetype: add\nobjectClass: groupOfNames\ncn: ${name}\n${members}\n`,
    );
  }
}

export const dnOf = (uid: string): string => `uid=${uid},${PEOPLE}`;

const entryOf = ({ uid, name = uid, mail = `${uid}@example.org`, password, guid }: LdapPerson): string =>
  [
    `dn: ${dnOf(uid)}`,
    'changetype: add',
    'objectClass: inetOrgPerson',
    ...(guid ? ['objectClass: likeActiveDirectory', `objectGUID:: ${guid.toString('base64')}`] : []),
    `uid: ${uid}`,
    `cn:: ${Buffer.from(name).toString('base64')}`,
    `sn:: ${Buffer.from(name).toString('base64')}`,
    ...(mail ? [`mail: ${mail}`] : []),
    ...(password ? [`userPassword:: ${Buffer.from(password).toString('base64')}`] : []),
    '',
  ].join('\n');

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, 'localhost');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
