import { z } from 'zod';
import { ALERT_KINDS, type AlertThreshold, type AlertThresholds, DEFAULT_THRESHOLDS } from '../core/alert-rules.ts';
import { accentProblem } from '../core/branding.ts';
import { COLOUR, LONGEST_ORGANISATION, LONGEST_SUPPORT, TELEPHONE } from '../core/organisation.ts';
import { directorySettings } from './directory.ts';
import { list } from './list.ts';

const hostName = /^(?=.{1,253}$)\.?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/;

const ALERT = new RegExp(`^(${ALERT_KINDS.join('|')})=(0|\\d{1,6}/\\d{1,5})$`);

function thresholdFrom(text: string): [string, AlertThreshold] {
  const [kind = '', numbers = ''] = text.split('=');
  const [count, minutes] = numbers.split('/').map(Number);
  return [kind, { count: count ?? 0, minutes: minutes ?? 1 }];
}

const DEFAULT_ALERTS = ALERT_KINDS.map((kind) => {
  const { count, minutes } = DEFAULT_THRESHOLDS[kind];
  return `${kind}=${count}/${minutes}`;
}).join(', ');

/**
 * Every setting, with its default and what it is for. docs/configuration.md is made from this
 * (`node bin/configuration-page.ts`), so describe for an operator.
 */
export const settings = z.object({
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .refine((text) => ['/', ''].includes(new URL(text).pathname), 'must have no path')
    .refine((text) => text.startsWith('https:') || isLoopback(new URL(text).hostname), {
      error: 'must be https, except on localhost',
    })
    .transform((text) => new URL(text).origin)
    .optional()
    .describe(
      'The address that browsers, phones and web apps use. It is also the OpenID Connect issuer. Default: `http://localhost:PORT`.',
    ),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000).describe('The TCP port to listen on.'),
  HOST: z.string().min(1).default('localhost').describe('The address to listen on. Use `0.0.0.0` in a container.'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://')
    .optional()
    .describe('A PostgreSQL 15 or newer. Without it, an embedded PostgreSQL is started in `DATA_DIR`.'),
  DATABASE_OWNER_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://')
    .optional()
    .describe(
      'The same database as the owner of its tables, for migrations and the retention of the audit log. With it, the role in `DATABASE_URL` needs no rights of its own, and can only add to the audit log. Without it, that role owns the tables.',
    ),
  WEB_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'How many processes serve, on one port: at most one for each core. Each is an instance of its own, with `DATABASE_POOL` connections.',
    ),
  DATABASE_POOL: z.coerce
    .number()
    .int()
    .min(2)
    .max(200)
    .default(10)
    .describe(
      'Connections to the database of each process, at most, and half as many again for what need not wait for the disk.',
    ),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Where the secret key, the outbox and the embedded database are kept.'),
  SECRET_KEY: z
    .string()
    .regex(/^\s*[\w-]{43,}=*([\s,]+[\w-]{43,}=*)*\s*$/, 'must be at least 43 base64url characters (256 random bits)')
    .optional()
    .describe(
      'The key that all sealed data depends on. Without it, one is made once in `DATA_DIR/secret-key` (mode 0600). Several, with commas or line breaks between: the first seals, the others only open what they sealed before (`keys reseal`).',
    ),
  ORGANISATION: z
    .string()
    .min(1)
    .max(LONGEST_ORGANISATION)
    .optional()
    .describe(
      'The name of your organisation, as people read it. This, `SUPPORT` and what belongs to it, `LOGO_FILE` and `ACCENT_COLOUR` may be set in the console instead (Settings, Your organisation); what is set here wins.',
    ),
  SUPPORT: z
    .string()
    .max(LONGEST_SUPPORT.name)
    .optional()
    .describe('Whom to ask for help, shown where people get stuck: the name of a desk.'),
  SUPPORT_PHONE: z
    .string()
    .regex(TELEPHONE, 'must be a telephone number')
    .optional()
    .describe('Its telephone number; on a phone it can be called with one touch. Needs `SUPPORT`.'),
  SUPPORT_HOURS: z
    .string()
    .max(LONGEST_SUPPORT.hours)
    .optional()
    .describe('When it can be reached, in the words that people read: `werkdagen 8.00 – 17.00 uur`. Needs `SUPPORT`.'),
  ACCESSIBILITY_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .optional()
    .describe(
      'Your accessibility statement, linked to below every page. Dutch public bodies must have one: docs/accessibility.md.',
    ),
  LOGO_FILE: z
    .string()
    .optional()
    .describe(
      'The logo of your organisation, in the place of ours: an SVG, PNG or WebP picture of 64 kB at most, shown 32 pixels high.',
    ),
  ACCENT_COLOUR: z
    .string()
    .regex(COLOUR, 'must be a colour like #1d3f8f')
    .transform((text) => text.toLowerCase())
    .superRefine((text, context) => {
      const problem = COLOUR.test(text) ? accentProblem(text) : undefined;
      if (!problem) return;
      const { contrast, needed, near } = problem;
      const message = `cannot be read as text: its contrast is ${contrast} : 1, and ${needed} : 1 is needed (WCAG 2.2, 1.4.3). ${near} would do`;
      context.addIssue({ code: 'custom', message });
    })
    .optional()
    .describe(
      'The colour of buttons and links. One that cannot be read (WCAG 2.2, 1.4.3) is refused, with one near it that can; for dark mode it is made lighter.',
    ),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
    .optional()
    .describe('The mail server. Without it, mails are written to `DATA_DIR/outbox` and logged.'),
  MAIL_FROM: z.string().default('dubbelslot@localhost').describe('The sender of mails.'),
  ...directorySettings,
  TRUST_PROXY: list
    .default([])
    .describe(
      'Addresses or networks of your reverse proxies, separated by commas. Only they may tell the address of a visitor.',
    ),
  TIME_ZONE: z
    .string()
    .refine((zone) => {
      try {
        return Boolean(new Intl.DateTimeFormat('nl', { timeZone: zone }));
      } catch {
        return false;
      }
    }, 'is not a time zone; use a name like Europe/Amsterdam')
    .default('Europe/Amsterdam')
    .describe('The time zone of the times on pages.'),
  NUMBER_LENGTH: z
    .enum(['2', '3', '6'])
    .default('2')
    .transform(Number)
    .describe(
      'How many digits the number has that people type on their phone: 2 (familiar), 3, or 6 (what NIST SP 800-63B-4 asks).',
    ),
  WEBAUTHN_AAGUIDS: list
    .transform((ids) => ids.map((id) => id.toLowerCase()))
    .refine(
      (ids) => ids.every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)),
      'must be AAGUIDs, like 2fc0579f-8113-47ea-b116-bb5a8db9202a',
    )
    .default([])
    .describe(
      'Models of security keys and passkeys that people may enrol, by AAGUID, separated by commas. Empty: all. A key says its own AAGUID; no maker vouches for it.',
    ),
  PUSH_HOSTS: list
    .refine(
      (hosts) => hosts.every((host) => hostName.test(host)),
      'must be host names; a leading dot means every host below it',
    )
    .default([])
    .describe('More push services that phones may use, besides those of Google, Mozilla, Apple and Microsoft.'),
  PUSH_CONTACT: z
    .string()
    .regex(/^(mailto:|https:\/\/)/, 'must start with mailto: or https://')
    .optional()
    .describe(
      'Whom a push service may reach about our messages (RFC 8292). Default: `PUBLIC_URL`, or a mailto address on localhost.',
    ),
  GEOIP_FILE: z
    .string()
    .optional()
    .describe(
      'A local file in MaxMind DB format (city or country) to show the place of a sign-in. Nothing is asked of anyone.',
    ),
  CLIENT_HOSTS: list
    .refine((hosts) => hosts.every((host) => /^[a-z0-9.:[\]-]{1,253}$/.test(host)), 'must be host names or addresses')
    .default([])
    .describe(
      'Hosts on your own network that web apps run on, by name or address, separated by commas. Without it, logout notices, notifications and key files on private addresses are not called.',
    ),
  CLIENT_CERT_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,60}$/, 'must be the name of a header')
    .transform((name) => name.toLowerCase())
    .optional()
    .describe(
      'The header in which your reverse proxy hands over the TLS certificate of a web app that it has verified: `Client-Cert` (RFC 9440), or one with the PEM text. Only proxies in `TRUST_PROXY` are believed.',
    ),
  KEY_ROTATION_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3650)
    .default(90)
    .describe('After how many days new signing keys are made; 0: only by `keys rotate`.'),
  KEY_OVERLAP_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .max(720)
    .default(48)
    .describe('How long a new signing key is published before it signs: longer than any web app keeps our keys.'),
  ADMIN_ACR: z
    .enum(['phr', 'mfa'])
    .default('phr')
    .describe(
      'How strongly those who administer sign in: `phr` (a passkey or security key), or `mfa`, which a false page could relay.',
    ),
  ALERTS: list
    .refine((parts) => parts.every((part) => ALERT.test(part)), 'must be like failures=100/10, push_bombing=0')
    .transform((parts) => Object.fromEntries(parts.map(thresholdFrom)) as Partial<AlertThresholds>)
    .default({})
    .describe(
      `When those who administer are alerted: how many within how many minutes; 0 switches one off. Default: \`${DEFAULT_ALERTS}\`.`,
    ),
  API_CALLS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(10)
    .max(1_000_000)
    .default(600)
    .describe('Calls to the API of administrators that each caller may make in a minute.'),
  AUDIT_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .default(400)
    .describe('How long audit events are kept at least. They are removed only by `audit truncate`.'),
  ERASE_AFTER_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe(
      'How long after their account was ended everything that is kept of somebody is erased, but what the audit log says. Without it nobody is erased by the clock: `account erase` does so by hand.',
    ),
  VIEWS_DIR: z
    .string()
    .optional()
    .describe('A folder with your own versions of pages in `views/`; what is not there comes from Dubbelslot.'),
  METRICS_LISTEN: z
    .string()
    .regex(
      /^((?<host>[^\s:/]+|\[[0-9a-f:]+\]):)?\d{1,5}$/i,
      'must be a port, or an address and a port like 127.0.0.1:9464',
    )
    .transform((text) => {
      const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d+)$/.exec(text)!;
      return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
    })
    .refine(({ port }) => port <= 65535, 'has no such port')
    .optional()
    .describe(
      'Where Prometheus reads figures, at `/metrics`: a port of this machine, or an address and a port. Without it there are none.',
    ),
  METRICS_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters')
    .optional()
    .describe(
      'What Prometheus must show (`authorization: Bearer`). Needed where `METRICS_LISTEN` is not on this machine only.',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('How much is logged.'),
});

export type Settings = z.output<typeof settings>;

export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    /^127(\.\d+){3}$/.test(hostname) ||
    hostname === '[::1]'
  );
}
