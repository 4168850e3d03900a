import { describe, expect, it } from 'vitest';
import { areKeysValid, isEndpointAllowed } from '../../src/authenticators/push/endpoint.ts';
import { isPublicAddress, publicLookup } from '../../src/core/addresses.ts';

const rules = { extraHosts: ['push.example.org', '.ntfy.example.org'] };

describe('a push endpoint', () => {
  it.each([
    'https://fcm.googleapis.com/fcm/send/x',
    'https://updates.push.services.mozilla.com/wpush/v2/x',
    'https://web.push.apple.com/Q',
    'https://wns2-par02p.notify.windows.com/w/?token=1',
    'https://FCM.googleapis.com/x',
    'https://push.example.org/x',
    'https://a.ntfy.example.org/x',
  ])('may be %s', (endpoint) => expect(isEndpointAllowed(endpoint, rules)).toBe(true));

  it.each([
    'http://fcm.googleapis.com/x',
    'https://localhost/x',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://10.0.0.1/x',
    'https://0x7f.1/x',
    'https://2130706433/x',
    'https://169.254.169.254/latest/meta-data',
    'https://fcm.googleapis.com:8443/x',
    'https://user:pass@fcm.googleapis.com/x',
    'https://fcm.googleapis.com@10.0.0.1/x',
    'https://fcm.googleapis.com.evil.test/x',
    'https://evilnotify.windows.com/x',
    'https://.push.apple.com/x',
    'https://fcm.googleapis.com./x',
    'https://fcm.googleapis.com/x#y',
    'https://ntfy.example.org/x',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'not an address',
    `https://fcm.googleapis.com/${'x'.repeat(1100)}`,
  ])('may not be %s', (endpoint) => expect(isEndpointAllowed(endpoint, rules)).toBe(false));

  it('may be a test’s own origin, and no other', () => {
    const test = { extraHosts: [], testOrigin: 'http://127.0.0.1:4000' };
    expect(isEndpointAllowed('http://127.0.0.1:4000/push/x', test)).toBe(true);
    expect(isEndpointAllowed('http://127.0.0.1:4001/push/x', test)).toBe(false);
  });
});

describe('a resolved address', () => {
  it.each([
    '127.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    '169.254.169.254',
    'fd00::1',
    '100.64.1.1',
    '64:ff9b::7f00:1',
    '192.168.1.1',
    '0.0.0.0',
    '224.0.0.1',
    'nonsense',
  ])('%s is refused', (address) => expect(isPublicAddress(address)).toBe(false));
  it.each(['8.8.8.8', '2a00:1450:4001:80e::200a'])('%s is used', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );

  it('is checked on the way to the connection', async () => {
    const error = await new Promise<Error | null>((resolve) =>
      publicLookup('localhost', {}, (refused) => resolve(refused)),
    );
    expect(error).toMatchObject({ code: 'EADDRNOTALLOWED' });
  });
});

describe('the keys of a subscription', () => {
  const auth = Buffer.alloc(16).toString('base64url');
  it('must be a point on the curve and 16 bytes', () => {
    expect(areKeysValid(Buffer.alloc(65, 4).toString('base64url'), auth)).toBe(false);
    expect(areKeysValid('', auth)).toBe(false);
    const point = 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4';
    expect(areKeysValid(point, auth)).toBe(true);
    expect(areKeysValid(point, 'short')).toBe(false);
  });
});
