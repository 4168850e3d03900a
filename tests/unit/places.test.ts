import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openPlaces } from '../../src/places.ts';
import { makeMmdb } from '../support/mmdb.ts';

describe('the place of an address', () => {
  it('comes from the operator’s own file, and is left out where that does not know', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'dubbelslot-geoip-')), 'city.mmdb');
    writeFileSync(file, makeMmdb('Utrecht', 'Netherlands'));
    const placeOf = await openPlaces(file);
    expect(placeOf('127.0.0.1')).toBe('Utrecht, Netherlands');
    expect(placeOf('192.0.2.1')).toBeNull();
    expect(placeOf('::1')).toBeNull();
    expect(placeOf('nonsense')).toBeNull();
  });
  it('is never known without a file', async () => {
    expect((await openPlaces(undefined))('127.0.0.1')).toBeNull();
  });
});
