import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { accentProblem, themeFor } from '../../src/core/branding.ts';
import { colourOf, contrast } from '../../src/core/colours.ts';
import { systemRandom } from '../../src/core/random.ts';
import { Dice } from '../support/hostile.ts';

const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-brand-'));
const load = (more: Record<string, string>) => loadConfig({ DATA_DIR: folder, ...more }, systemRandom);
const fileWith = (name: string, body: string | Buffer): string => {
  writeFileSync(join(folder, name), body);
  return join(folder, name);
};

describe('contrast', () => {
  it('is as WCAG 2.2 says', () => {
    expect(contrast(colourOf('#000000'), colourOf('#ffffff'))).toBeCloseTo(21, 5);
    expect(contrast(colourOf('#777777'), colourOf('#ffffff'))).toBeCloseTo(4.48, 2);
    expect(contrast(colourOf('#123456'), colourOf('#123456'))).toBe(1);
  });
});

describe('an accent', () => {
  it('that cannot be read is refused with one near it that can', () => {
    expect(accentProblem('#1d3f8f')).toBeUndefined();
    const { near, contrast: found } = accentProblem('#ffcc00')!;
    expect(accentProblem(near)).toBeUndefined();
    expect(() => load({ ACCENT_COLOUR: '#ffcc00' })).toThrow(`its contrast is ${found} : 1`);
    expect(() => load({ ACCENT_COLOUR: '#ffcc00' })).toThrow(`${near} would do`);
    expect(() => load({ ACCENT_COLOUR: 'red' })).toThrow('must be a colour like #1d3f8f');
    expect(load({ ACCENT_COLOUR: '#1D3F8F' }).organisation.accent).toBe('#1d3f8f');
  });

  it('can be read by day and in the dark, whichever it is', () => {
    const dice = new Dice(20261127);
    const anyColour = () =>
      `#${[0, 1, 2]
        .map(() =>
          Math.floor(dice.roll() * 256)
            .toString(16)
            .padStart(2, '0'),
        )
        .join('')}`;
    for (let time = 0; time < 500; time += 1) {
      const asked = anyColour();
      const accent = accentProblem(asked)?.near ?? asked;
      const [day, night] = [
        ...themeFor(accent).matchAll(/--accent:(#\w{6});--accent-strong:(#\w{6});--accent-soft:(#\w{6})/g),
      ].map((found) => found.slice(1).map(colourOf));
      const [byDay, , softByDay] = day!;
      const [byNight, , softByNight] = night!;
      for (const [one, other] of [
        [byDay, colourOf('#ffffff')],
        [byDay, colourOf('#f4f6fb')],
        [byDay, softByDay],
        [byNight, colourOf('#191f2b')],
        [byNight, colourOf('#0e1a38')],
        [byNight, softByNight],
      ] as const)
        expect(contrast(one!, other!), `${asked}, as ${accent}`).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe('a logo', () => {
  it('is known by what is in it, and refused in words', () => {
    const svg = '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>';
    expect(load({ LOGO_FILE: fileWith('a.png', svg) }).organisation.logo).toMatchObject({ type: 'image/svg+xml' });
    const png = Buffer.from('89504e470d0a1a0a00', 'hex');
    expect(load({ LOGO_FILE: fileWith('b', png) }).organisation.logo).toEqual({ type: 'image/png', body: png });
    expect(() => load({ LOGO_FILE: fileWith('c.svg', '<html>') })).toThrow('LOGO_FILE must be an SVG, a PNG or a WebP');
    expect(() => load({ LOGO_FILE: fileWith('d', Buffer.concat([png, Buffer.alloc(70_000)])) })).toThrow('69 kB; 64');
    expect(() => load({ LOGO_FILE: join(folder, 'none') })).toThrow('LOGO_FILE cannot be read (ENOENT)');
  });
});

describe('whom people ask', () => {
  it('has a name, and a telephone number that can be called', () => {
    expect(load({ SUPPORT: 'Servicedesk', SUPPORT_PHONE: '+31 (0)30 123 45 67' }).organisation.support).toEqual({
      name: 'Servicedesk',
      phone: '+31 (0)30 123 45 67',
      hours: null,
    });
    expect(() => load({ SUPPORT_PHONE: '030 123 45 67' })).toThrow('SUPPORT_PHONE needs SUPPORT');
    expect(() => load({ SUPPORT: 'X', SUPPORT_PHONE: 'call us' })).toThrow('SUPPORT_PHONE must be a telephone number');
  });
});
