import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCookieSigner } from '../../src/crypto/cookie-signer.ts';
import { createPasswordHasher } from '../../src/crypto/password-hash.ts';
import { createSealer } from '../../src/crypto/seal.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';

const key = () => secretKey(randomBytes(32).toString('base64url'));

describe('a sealed value', () => {
  const mine = key();
  const sealer = createSealer(mine);
  const sealed = sealer.seal('table:column:1', 'a secret');

  it('opens at its own place only', () => {
    expect(sealer.open('table:column:1', sealed).toString()).toBe('a secret');
    expect(() => sealer.open('table:column:2', sealed)).toThrow(/could not be opened/);
  });
  it('does not open with another key', () => {
    expect(() => createSealer(key()).open('table:column:1', sealed)).toThrow(/could not be opened/);
  });
  it('does not open after a change of any byte', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index]! ^= 1;
      expect(() => sealer.open('table:column:1', changed), `byte ${index}`).toThrow();
    }
  });
  it('is different every time, names its key, and does not hold the text', () => {
    expect(sealer.seal('table:column:1', 'a secret').equals(sealed)).toBe(false);
    expect(sealed.subarray(0, 4).toString('hex')).toBe(mine.id);
    expect(sealed.includes('a secret')).toBe(false);
  });
});

describe('a secret key', () => {
  it('must have 256 bits', () => {
    expect(() => secretKey('short')).toThrow(RangeError);
    expect(() => secretKey('not base64url!'.repeat(5))).toThrow(RangeError);
  });
  it('gives another key for another purpose, and the same for the same', () => {
    const one = key();
    expect(one.derive('a').equals(one.derive('b'))).toBe(false);
    expect(one.derive('a').equals(one.derive('a'))).toBe(true);
  });
});

describe('the signatures of cookies', () => {
  const [today, former] = ['the key of today', 'the key of before'];
  const signer = createCookieSigner([today, former]);
  const data = 'session=a b/c+d';

  it('are what Keygrip makes, so that versions with it and without read each other', () => {
    // new Keygrip([key]).sign(data), by keygrip 1.1.0
    expect(signer.sign(data)).toBe('QyoPp3Q4CKK_HMLmFBci7uTrmjs');
    expect(signer.index(data, '98-v3qExyx5n8ZNgsKibpTt2ufI')).toBe(1);
  });
  it('count where a former key made them, and say so', () => {
    expect(signer.index(data, signer.sign(data))).toBe(0);
    expect(signer.index(data, createCookieSigner([former]).sign(data))).toBe(1);
  });
  it.each([
    ['of another cookie', createCookieSigner([today]).sign('session=another')],
    ['by another key', createCookieSigner(['another key']).sign(data)],
    ['that is shorter', createCookieSigner([today]).sign(data).slice(1)],
    ['that is empty', ''],
  ])('do not count: one %s', (_name, signature) => {
    expect(signer.index(data, signature)).toBe(-1);
    expect(signer.verify(data, signature)).toBe(false);
  });
});

describe('a password hash', () => {
  const hasher = createPasswordHasher(key(), 1);

  it('is argon2id with at least the parameters of OWASP', async () => {
    const stored = await hasher.hash('correct horse');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(hasher.isOutdated(stored)).toBe(false);
    expect(hasher.isOutdated(stored.replace('m=19456', 'm=4096'))).toBe(true);
  });
  it('belongs to its password, in any Unicode form', async () => {
    const stored = await hasher.hash('caf\u00e9 au lait');
    expect(await hasher.verify('cafe\u0301 au lait', stored)).toBe(true);
    expect(await hasher.verify('cafe au lait', stored)).toBe(false);
  });
  it('is worthless without the pepper', async () => {
    const stored = await hasher.hash('correct horse');
    expect(await createPasswordHasher(key(), 1).verify('correct horse', stored)).toBe(false);
  });
  it('is never right for an account without one', async () => {
    expect(await hasher.verify('anything', undefined)).toBe(false);
  });
  it('is refused with 503 when too many wait, and the others are served', async () => {
    const stored = await hasher.hash('correct horse');
    const tries = await Promise.allSettled(Array.from({ length: 80 }, () => hasher.verify('correct horse', stored)));
    const refused = tries.filter((outcome) => outcome.status === 'rejected');
    const served = tries.filter((outcome) => outcome.status === 'fulfilled');
    // One is at work and 64 may wait; fewer where the machine is slow, by the time that the last would wait.
    expect(refused.length).toBeGreaterThanOrEqual(80 - 65);
    expect(refused.every(({ reason }) => reason.status === 503)).toBe(true);
    expect(served.length).toBeGreaterThanOrEqual(2);
    expect(served.every(({ value }) => value)).toBe(true);
    expect(await hasher.verify('x', stored)).toBe(false);
  });
});
