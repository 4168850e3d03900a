import { availableParallelism } from 'node:os';
import { verify } from '@node-rs/argon2';

export interface HashRate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/**
 * B: bare verifications of a stored hash, on as many cores as there are, by the library that the server uses. Run in the
 * same rounds as what is held against it.
 * @param stored a PHC string; what it costs is read from itself
 */
export async function bareHashes(stored: string, seconds: number): Promise<HashRate> {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(stored);
  if (!found || Number(found[1]) < 19456 || Number(found[2]) < 2) throw new Error(`too cheap a hash: ${stored}`);
  const until = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  const began = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      while (performance.now() < until) {
        await verify(stored, 'a password');
        count += 1;
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: (count * 1000) / (performance.now() - began),
    perCpuSecond: (count * 1e6) / (user + system),
  };
}
