import { pipeline, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { Decrypter, Encrypter } from 'age-encryption';
import { backupUnreadable } from '../core/errors.ts';
import type { SecretKey } from './secret-key.ts';

/**
 * A backup on disk: gzip within age (age-encryption.org/v1), with a passphrase that is derived from the secret key. What
 * was changed, or cut off, does not open.
 */

/** The passphrase is 256 random bits: making it slow to try gains nothing. */
const SCRYPT_WORK_FACTOR = 10;

/** What a backup is locked with; `age --decrypt` asks for it. */
export const backupPassphrase = (key: SecretKey): string => key.derive('backup').export().toString('base64url');

export async function lockBackup(plain: AsyncIterable<Uint8Array>, key: SecretKey): Promise<Readable> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(SCRYPT_WORK_FACTOR);
  encrypter.setPassphrase(backupPassphrase(key));
  const packed = joined(Readable.from(plain, { objectMode: false }), createGzip());
  const locked = await encrypter.encrypt(Readable.toWeb(packed) as never);
  return Readable.fromWeb(locked as unknown as ReadableStream);
}

/**
 * @param keys any of them may be the one it was locked with
 * @throws Fault `backup_unreadable`, at once or at the first byte that is not as it was
 */
export async function* openBackup(file: AsyncIterable<Uint8Array>, keys: readonly SecretKey[]): AsyncGenerator<Buffer> {
  const decrypter = new Decrypter();
  for (const key of keys) decrypter.addPassphrase(backupPassphrase(key));
  try {
    const packed = await decrypter.decrypt(Readable.toWeb(Readable.from(file, { objectMode: false })) as never);
    yield* joined(Readable.fromWeb(packed as unknown as ReadableStream), createGunzip());
  } catch (cause) {
    throw backupUnreadable(cause);
  }
}

/** One stream through another; a mistake in the first ends the second. */
function joined<T extends NodeJS.ReadWriteStream & Readable>(from: Readable, through: T): T {
  pipeline(from, through, () => {});
  return through;
}
