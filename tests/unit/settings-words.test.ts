import { describe, expect, it } from 'vitest';
import { settings } from '../../src/config/schema.ts';
import dutch from '../../src/i18n/settings.nl.json' with { type: 'json' };
import { settingInWords } from '../../src/i18n/settings.ts';

describe('what a setting means', () => {
  it('is said in Dutch of every setting, and of nothing else', () => {
    expect(Object.keys(dutch).sort()).toEqual(Object.keys(settings.shape).sort());
  });
  it('is said in English as it is declared, without the marks of documentation', () => {
    const { description } = settings.shape.HOST;
    expect(settingInWords('en', 'HOST', description!)).toBe('The address to listen on. Use 0.0.0.0 in a container.');
    expect(settingInWords('nl', 'PORT', 'x')).toBe('De TCP-poort waarop wordt geluisterd.');
  });
});
