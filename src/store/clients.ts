import type { Acr } from '../core/assurance.ts';
import { digest, equalInConstantTime } from '../crypto/digest.ts';
import type { Database } from './database.ts';
import type { Client as ClientRow, Prisma } from './generated/client.ts';

/** The registration of a web app. `metadata` is OpenID Connect Dynamic Client Registration's, without the secret. */
export interface Client {
  readonly id: string;
  readonly name: string;
  readonly metadata: ClientMetadata;
  readonly hasSecret: boolean;
  /** What it asks at least; null: as the policy says. */
  readonly requiredAcr: Acr | null;
  readonly disabledAt: Date | null;
}

export interface ClientMetadata {
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris?: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly token_endpoint_auth_method: 'none' | 'client_secret_basic' | 'client_secret_post';
  readonly id_token_signed_response_alg?: string;
  readonly application_type?: 'web' | 'native';
}

export interface Clients {
  /** Adds it, or replaces what is registered under the same id. */
  put(client: Omit<Client, 'hasSecret' | 'disabledAt'>, secret: string | undefined, now: Date): Promise<void>;
  byId(id: string): Promise<Client | undefined>;
  list(): Promise<Client[]>;
  isSecret(id: string, secret: string): Promise<boolean>;
}

export function createClients({ prisma }: Database): Clients {
  return {
    async put(client, secret, now) {
      const data = {
        name: client.name,
        metadata: client.metadata as unknown as Prisma.InputJsonValue,
        requiredAcr: client.requiredAcr,
        secretDigest: secret === undefined ? null : new Uint8Array(digest(secret)),
      };
      await prisma.client.upsert({
        where: { id: client.id },
        create: { id: client.id, createdAt: now, ...data },
        update: data,
      });
    },
    async byId(id) {
      const row = await prisma.client.findUnique({ where: { id } });
      return row ? toClient(row) : undefined;
    },
    async list() {
      return (await prisma.client.findMany({ orderBy: { id: 'asc' } })).map(toClient);
    },
    async isSecret(id, secret) {
      const row = await prisma.client.findUnique({ where: { id }, select: { secretDigest: true } });
      return row?.secretDigest != null && equalInConstantTime(row.secretDigest, digest(secret));
    },
  };
}

function toClient(row: ClientRow): Client {
  return {
    id: row.id,
    name: row.name,
    metadata: row.metadata as unknown as ClientMetadata,
    hasSecret: row.secretDigest !== null,
    requiredAcr: row.requiredAcr as Acr,
    disabledAt: row.disabledAt,
  };
}
