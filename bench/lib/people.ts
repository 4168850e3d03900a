import { availableParallelism } from 'node:os';
import { createBindPassword } from '../../src/authenticators/password/bind.ts';
import { NO_AAGUID } from '../../src/authenticators/webauthn/relying-party.ts';
import type { Config } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createPasswordHasher } from '../../src/crypto/password-hash.ts';
import { openSecrets } from '../../src/secrets.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openStores } from '../../src/stores.ts';
import { makePasskey, type Passkey } from './passkey.ts';

/** Somebody with a password, and with a code app or a passkey of their own. */
export interface Person {
  readonly accountId: string;
  readonly email: string;
  readonly password: string;
  /** Base 32; empty where there is a passkey. */
  readonly totp: string;
  readonly passkey?: Passkey;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const AT_ONCE = 8;

/** Puts people into a database past the pages: no audit events, no mails, no waiting for the disk. */
export async function addPeople(
  config: Config,
  databaseUrl: string,
  count: number,
  has: 'code' | 'passkey',
  say: (done: number) => void,
): Promise<Person[]> {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', '-c synchronous_commit=off');
  const database = openDatabase(url.href, AT_ONCE);
  const { root, sealer, auditKey } = await openSecrets(config.secretKeys, database, systemRandom);
  const { accounts, authenticators } = openStores(database, sealer, root, auditKey, systemRandom);
  const bindPassword = createBindPassword(
    authenticators,
    createPasswordHasher(root, availableParallelism()),
    systemRandom,
  );
  const yesterday = new Date(Date.now() - 86_400_000);
  const people: Person[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const id = systemRandom.uuid();
      const email = `${has}${number}@example.org`;
      const password = systemRandom.bytes(12).toString('base64url');
      const totp = [...systemRandom.bytes(32)].map((byte) => ALPHABET[byte & 31]).join('');
      const added = await accounts.add({ id, email, displayName: `Person ${number}` }, yesterday);
      if (!added.ok) throw new Error(`${email}: ${added.refusal.code}`);
      await bindPassword(id, password, yesterday);
      if (has === 'code') {
        const app = { id: systemRandom.uuid(), accountId: id, kind: 'totp', label: 'App', state: 'active' } as const;
        await authenticators.add({ ...app, secret: totp }, yesterday);
        people.push({ accountId: id, email, password, totp });
      } else {
        const passkey = makePasskey();
        const { credentialId, publicKey } = passkey;
        const credential = { publicKey, counter: 0, transports: ['internal'], aaguid: NO_AAGUID, isSynced: false };
        const key = {
          id: systemRandom.uuid(),
          accountId: id,
          kind: 'webauthn',
          label: 'Passkey',
          state: 'active',
        } as const;
        await authenticators.add({ ...key, credentialId, credential }, yesterday);
        people.push({ accountId: id, email, password, totp: '', passkey });
      }
      if (people.length % 500 === 0) say(people.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await database.close();
  return people;
}
