import type { Acr } from '../core/assurance.ts';
import { digest, equalInConstantTime } from '../crypto/digest.ts';
import type { Database } from './database.ts';
import type { Client as ClientRow, ClientSecret as ClientSecretRow, Prisma } from './generated/client.ts';

/** What kind of app it is: decides what it may do and how it must prove itself (flow/client-profiles.ts). */
export type ClientProfile = 'web' | 'app' | 'machine' | 'nl_gov' | 'fapi2' | 'entra';

/** The registration of a web app. */
export interface Client {
  readonly id: string;
  readonly name: string;
  readonly profile: ClientProfile;
  /** In the words of OpenID Connect Dynamic Client Registration, without the secret. */
  readonly metadata: ClientMetadata;
  readonly settings: ClientSettings;
  /** What it asks at least; null: as the policy says. */
  readonly requiredAcr: Acr | null;
  /** Grows with each change. */
  readonly version: number;
  /** Newest first; those that have ended are left out by `secretsInUse`. */
  readonly secrets: readonly { readonly createdAt: Date; readonly expiresAt: Date | null }[];
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

export interface ClientMetadata {
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris?: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly token_endpoint_auth_method:
    | 'none'
    | 'client_secret_basic'
    | 'client_secret_post'
    | 'private_key_jwt'
    | 'tls_client_auth';
  readonly application_type?: 'web' | 'native';
  /** Space-separated; what it may ask for. */
  readonly scope?: string;
  readonly id_token_signed_response_alg?: string;
  readonly userinfo_signed_response_alg?: string;
  readonly backchannel_logout_uri?: string;
  readonly [parameter: string]: unknown;
}

/** What OpenID Connect has no word for. */
export interface ClientSettings {
  /** Leaves `amr` out of everything that it is given. */
  readonly hidesAmr?: boolean;
  /** The groups that it is told with scope `groups`: none, all of a person's, or these among them. */
  readonly groups?: 'all' | readonly string[];
  /** Seconds; where one is missing, the defaults of oidc/lifetimes.ts. */
  readonly lifetimes?: Partial<Record<'accessToken' | 'idToken' | 'refreshIdle' | 'refreshAbsolute', number>>;
  /** APIs that it may ask tokens for (RFC 8707), each with the scopes that it may have there. */
  readonly resources?: readonly ClientResource[];
  /** APIs that this client is: it may introspect tokens that are for them. */
  readonly serves?: readonly string[];
  /** The Microsoft Entra tenant that it stands for. */
  readonly entra?: EntraTenant;
  /** Where a person begins in it, for the doctor. */
  readonly startUri?: string;
}

export interface ClientResource {
  /** An absolute address: the audience of its tokens. */
  readonly uri: string;
  readonly scopes: readonly string[];
  readonly format: 'jwt' | 'opaque';
}

export interface EntraTenant {
  readonly tenantId: string;
  /** The application's id in Entra: the audience of the hints that it sends. */
  readonly applicationId: string;
  readonly issuer: string;
  readonly jwksUri: string;
}

export type NewClient = Pick<Client, 'id' | 'name' | 'profile' | 'metadata' | 'settings' | 'requiredAcr'>;

export interface Clients {
  /** Adds it, or replaces what is registered under the same id, its secrets included. */
  put(client: NewClient, secret: string | undefined, now: Date): Promise<void>;
  /** Leaves its secrets alone; `version` where it must not have changed. @returns false where there is none such */
  change(client: NewClient, now: Date, version?: number): Promise<boolean>;
  /** May be up to a second old: a change elsewhere is seen within that. */
  byId(id: string): Promise<Client | undefined>;
  list(): Promise<Client[]>;
  isSecret(id: string, secret: string, now: Date): Promise<boolean>;
  /** Adds a secret; those there are end at `othersUntil` at the latest. @returns false where there is no such client */
  addSecret(id: string, secret: string, now: Date, othersUntil: Date): Promise<boolean>;
  /** Ends all of its secrets, for good. */
  removeSecrets(id: string): Promise<void>;
  /** @returns false where there is none */
  setDisabled(id: string, disabledAt: Date | null, now: Date): Promise<boolean>;
}

const LINES = `SELECT c.*, s.secret_digest, s.created_at AS secret_created_at, s.expires_at AS secret_expires_at
  FROM client c LEFT JOIN client_secret s ON s.client_id = c.id`;
/** The newest secret first. */
const IN_ORDER = 'ORDER BY c.id, s.created_at DESC';

/** How long what was read is believed: every instance sees a change within this. */
const FRESH_MS = 1000;

export function createClients(db: Database): Clients {
  const { sql } = db;
  const read = new Map<string, { row: Promise<Row | undefined>; at: number }>();
  const columns = (client: NewClient) => ({
    name: client.name,
    profile: client.profile,
    metadata: client.metadata as unknown as Prisma.InputJsonValue,
    settings: client.settings as unknown as Prisma.InputJsonValue,
    requiredAcr: client.requiredAcr,
  });
  const rowOf = (id: string): Promise<Row | undefined> => {
    const known = read.get(id);
    if (known && performance.now() - known.at < FRESH_MS) return known.row;
    const row = db.query<Line>(`${LINES} WHERE c.id = $1 ${IN_ORDER}`, [id]).then((lines) => rowsFrom(lines)[0]);
    // Only what exists is remembered: a stranger's made-up ids would fill the memory.
    row.then(
      (found) => found ?? read.delete(id),
      () => read.delete(id),
    );
    read.set(id, { row, at: performance.now() });
    return row;
  };

  return {
    async put(client, secret, now) {
      const data = columns(client);
      const prisma = await db.prisma();
      await prisma.$transaction([
        prisma.client.upsert({
          where: { id: client.id },
          create: { id: client.id, createdAt: now, ...data },
          update: { ...data, changedAt: now },
        }),
        prisma.clientSecret.deleteMany({ where: { clientId: client.id } }),
        ...(secret === undefined
          ? []
          : [
              prisma.clientSecret.create({
                data: { clientId: client.id, secretDigest: new Uint8Array(digest(secret)), createdAt: now },
              }),
            ]),
      ]);
      read.delete(client.id);
    },
    async change(client, now, version) {
      const prisma = await db.prisma();
      const { count } = await prisma.client.updateMany({
        where: { id: client.id, ...(version === undefined ? {} : { version }) },
        data: { ...columns(client), changedAt: now },
      });
      read.delete(client.id);
      return count === 1;
    },
    async byId(id) {
      const row = await rowOf(id);
      return row ? toClient(row) : undefined;
    },
    async list() {
      return rowsFrom(await db.query<Line>(`${LINES} ${IN_ORDER}`, [])).map(toClient);
    },
    async isSecret(id, secret, now) {
      const given = digest(secret);
      const { secrets = [] } = (await rowOf(id)) ?? {};
      return inUse(secrets, now).some(({ secretDigest }) => equalInConstantTime(secretDigest, given));
    },
    async addSecret(id, secret, now, othersUntil) {
      const rows = await sql`WITH others AS (UPDATE client_secret SET expires_at = least(expires_at, ${othersUntil})
          WHERE client_id = ${id})
        INSERT INTO client_secret (secret_digest, client_id, created_at)
          SELECT ${digest(secret)}, id, ${now} FROM client WHERE id = ${id} RETURNING 1`;
      read.delete(id);
      return rows.length === 1;
    },
    async removeSecrets(id) {
      await sql`DELETE FROM client_secret WHERE client_id = ${id}`;
      read.delete(id);
    },
    async setDisabled(id, disabledAt, now) {
      const rows =
        await sql`UPDATE client SET disabled_at = ${disabledAt}, changed_at = ${now} WHERE id = ${id} RETURNING 1`;
      read.delete(id);
      return rows.length === 1;
    },
  };
}

/** The secrets that still work. */
export const secretsInUse = ({ secrets }: Client, now: Date): Client['secrets'] => inUse(secrets, now);

const inUse = <Secret extends { readonly expiresAt: Date | null }>(secrets: readonly Secret[], now: Date): Secret[] =>
  secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);

type Row = ClientRow & { secrets: Pick<ClientSecretRow, 'secretDigest' | 'createdAt' | 'expiresAt'>[] };
/** A registration beside one of its secrets. */
type Line = ClientRow & {
  readonly secretDigest: Buffer<ArrayBuffer> | null;
  readonly secretCreatedAt: Date;
  readonly secretExpiresAt: Date | null;
};

/** Lines of the same registration come together. */
function rowsFrom(lines: readonly Line[]): Row[] {
  const rows: Row[] = [];
  for (const { secretDigest, secretCreatedAt: createdAt, secretExpiresAt: expiresAt, ...client } of lines) {
    if (rows.at(-1)?.id !== client.id) rows.push({ ...client, secrets: [] });
    if (secretDigest) rows.at(-1)!.secrets.push({ secretDigest, createdAt, expiresAt });
  }
  return rows;
}

function toClient(row: Row): Client {
  return {
    id: row.id,
    name: row.name,
    profile: row.profile as ClientProfile,
    metadata: row.metadata as unknown as ClientMetadata,
    settings: row.settings as ClientSettings,
    requiredAcr: row.requiredAcr as Acr,
    version: row.version,
    secrets: row.secrets.map(({ createdAt, expiresAt }) => ({ createdAt, expiresAt })),
    createdAt: row.createdAt,
    disabledAt: row.disabledAt,
  };
}
