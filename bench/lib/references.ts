import { availableParallelism } from 'node:os';
import { verify } from '@node-rs/argon2';
import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import { answer, makePasskey } from './passkey.ts';

/** What a sign-in cannot do without, done bare. */
export interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** One after the other on so many strands at once. */
async function rateOf(work: () => Promise<unknown>, atOnce: number, seconds: number): Promise<Rate> {
  const until = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  const began = performance.now();
  let count = 0;
  const strand = async (): Promise<void> => {
    while (performance.now() < until) {
      await work();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, strand));
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: (count * 1000) / (performance.now() - began),
    perCpuSecond: (count * 1e6) / (user + system),
  };
}

/**
 * B: bare verifications of a stored hash, on as many cores as there are, by the library that the server uses. Run in the
 * same rounds as what is held against it.
 * @param stored a PHC string; what it costs is read from itself
 */
export function bareHashes(stored: string, seconds: number): Promise<Rate> {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(stored);
  if (!found || Number(found[1]) < 19456 || Number(found[2]) < 2) throw new Error(`too cheap a hash: ${stored}`);
  return rateOf(() => verify(stored, 'a password'), availableParallelism(), seconds);
}

/** Bare checks of what a passkey has signed, by the library that the server uses. */
export function barePasskeys(seconds: number): Promise<Rate> {
  const [key, challenge, origin] = [makePasskey(), 'a challenge', 'http://localhost'] as const;
  const expectedChallenge = Buffer.from(challenge).toString('base64url');
  const response = JSON.parse(answer(key, '0', expectedChallenge, origin));
  const publicKey = new Uint8Array(Buffer.from(key.publicKey, 'base64url'));
  const check = async (): Promise<void> => {
    const { verified } = await verifyAuthenticationResponse({
      response,
      expectedChallenge,
      expectedOrigin: origin,
      expectedRPID: 'localhost',
      credential: { id: key.credentialId, publicKey, counter: 0 },
    });
    if (!verified) throw new Error('a passkey of the bench is refused');
  };
  return rateOf(check, 1, seconds);
}
