import { availableParallelism } from 'node:os';
import { hash, type Options, verify } from '@node-rs/argon2';
import { limiter } from '../core/limiter.ts';
import { keyedDigest } from './digest.ts';
import type { SecretKey } from './secret-key.ts';

/** argon2id, OWASP Password Storage Cheat Sheet: m = 19456 KiB, t = 2, p = 1. `algorithm: 2` is argon2id. */
const PARAMETERS: Options = { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 };

/** More waiting, or a longer wait, and the next one is told to come back: better than everybody waiting for long. */
const MOST = { waiting: 64, waitMs: 1500 };

export interface PasswordHasher {
  /** A PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. @throws Fault `overloaded` */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the stored string. Without a stored string the same work is done
   * for nothing, so that an unknown account takes as long as a known one.
   * @throws Fault `overloaded`
   */
  verify(password: string, stored: string | undefined): Promise<boolean>;
  /** Whether the next one would be turned away. */
  isFull(): boolean;
  /** How many wait for one before them. */
  waiting(): number;
  /** Whether the string was made with weaker parameters than today's. */
  isOutdated(stored: string): boolean;
}

export function createPasswordHasher(
  key: SecretKey,
  workers = Math.max(1, availableParallelism() - 1),
): PasswordHasher {
  const pepper = key.derive('password pepper');
  // argon2 shares libuv's threads with token signing: unbounded, it pushes the p99 of a refresh from 38 to 263 ms
  // (a first spike).
  const { run, isFull, waiting } = limiter(workers, MOST);
  // NFKC: the same password typed on another keyboard is the same password (NIST SP 800-63B-4, section 3.1.1.2).
  const peppered = (password: string): string => keyedDigest(pepper, password.normalize('NFKC')).toString('base64');
  const dummy = run(() => hash(key.derive('dummy password').export().toString('base64'), PARAMETERS));
  dummy.catch(() => {});

  return {
    hash: (password) => run(() => hash(peppered(password), PARAMETERS)),
    async verify(password, stored) {
      const against = stored ?? (await dummy);
      const right = await run(() => verify(against, peppered(password)));
      return right && stored !== undefined;
    },
    isFull,
    waiting,
    isOutdated(stored) {
      const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(stored);
      return !found || Number(found[1]) < (PARAMETERS.memoryCost ?? 0) || Number(found[2]) < (PARAMETERS.timeCost ?? 0);
    },
  };
}
