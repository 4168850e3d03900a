import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { settings } from './config/schema.ts';
import type { CheckupPart, Finding, FindingName } from './core/checkup.ts';
import type { Dependencies } from './dependencies.ts';
import type { Health } from './flow/overview.ts';
import { checkMailServer } from './mail/mailer.ts';

/** @param health is asked of the database once, for all that look at it */
type Check = (d: Dependencies, health: () => Promise<Health>) => Promise<Finding[]>;

const finding =
  (level: Finding['level']) =>
  (part: CheckupPart, name: FindingName, facts: Finding['facts'] = {}): Finding => ({ level, part, name, facts });
const ok = finding('ok');
const hint = finding('hint');
const bad = finding('bad');

const PATIENCE_MS = 10_000;
const LARGEST_SKEW_SECONDS = 2;
const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS = 21;
const BACKUP_DAYS = 2;
const LATE_MINUTES = 10;
const SMALLEST_FREE = { bytes: 2 * 1024 ** 3, share: 0.1 };

const daysSince = (at: Date, now: Date): number => Math.floor((now.getTime() - at.getTime()) / DAY_MS);
/** `fetch` hides it in the cause. */
const whyOf = (error: unknown): string => {
  const { message, code } = ((error as Error).cause ?? error) as { message?: string; code?: string };
  return message || String(code);
};

const configuration: Check = async ({ config }) => {
  const known = new Set(Object.keys(settings.shape));
  // What looks like ours, and is a letter off: it would do nothing, and nobody would notice.
  const odd = Object.keys(process.env).filter(
    (name) =>
      /^(PUBLIC_URL|SECRET_KEY|DATABASE_|SMTP_|MAIL_|LDAP_|TRUST_PROXY|NUMBER_|WEBAUTHN_|PUSH_|KEY_ROT|KEY_OVER|ADMIN_ACR|AUDIT_)/.test(
        name,
      ) &&
      !known.has(name) &&
      !known.has(name.replace(/_FILE$/, '')),
  );
  const places = config.geoipFile === undefined ? undefined : await stat(config.geoipFile).catch(() => null);
  return [
    ...(places === null ? [bad('configuration', 'places_unreadable')] : []),
    ok('configuration', 'settings_ok', { url: config.publicUrl }),
    ...odd.map((setting) => hint('configuration', 'setting_unknown', { setting })),
    ...(config.isSecure ? [] : [hint('configuration', 'http_only')]),
  ];
};

const database: Check = async (d) => {
  const before = Date.now();
  const [row] = await d.database.sql<{ version: number; fsync: string; now: Date; commit: string }>`SELECT
    current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync, clock_timestamp() AS now,
    current_setting('synchronous_commit') AS commit`;
  const after = Date.now();
  const { fsync, now, commit } = row!;
  const version = Math.floor(row!.version / 10_000);
  const seconds = Math.round((now.getTime() - (before + after) / 2) / 1000);
  return [
    version < 15
      ? bad('database', 'database_old', { version })
      : ok('database', 'database_ok', { version, milliseconds: after - before }),
    ...(fsync === 'on' && commit !== 'off' ? [] : [bad('database', 'disk_not_awaited')]),
    Math.abs(seconds) > LARGEST_SKEW_SECONDS ? bad('clock', 'clock_off', { seconds }) : ok('clock', 'clock_ok'),
  ];
};

const auditLog: Check = async (d, health) => {
  const { isLogGuarded, unlinkedSince } = await health();
  const isLate = unlinkedSince && d.clock.now().getTime() - unlinkedSince.getTime() > LATE_MINUTES * 60_000;
  return [
    isLogGuarded ? ok('audit_log', 'log_guarded') : hint('audit_log', 'log_not_guarded'),
    isLate ? bad('audit_log', 'log_late', { since: unlinkedSince.toISOString() }) : ok('audit_log', 'log_ok'),
  ];
};

const mail: Check = async (d, health) => {
  const { mailsWaiting: count, mailsWaitingSince } = await health();
  const waiting = mailsWaitingSince
    ? [hint('mail', 'mails_waiting', { count, since: mailsWaitingSince.toISOString() })]
    : [];
  const { smtpUrl, dataDir } = d.config;
  if (!smtpUrl) return [hint('mail', 'mail_kept', { folder: join(dataDir, 'outbox') }), ...waiting];
  return checkMailServer(smtpUrl).then(
    () => [ok('mail', 'mail_ok'), ...waiting],
    (error: unknown) => [bad('mail', 'mail_refused', { why: whyOf(error) }), ...waiting],
  );
};

const push: Check = async (d) => {
  const from = new Date(d.clock.now().getTime() - DAY_MS);
  const sent = await d.auditStore.search({ action: 'push.sent', from }, 1000);
  const failed = sent.filter(({ result }) => result === 'failure').length;
  if (sent.length === 0) return [ok('push', 'push_none')];
  const facts = { failed, sent: sent.length };
  return failed * 2 > sent.length ? [bad('push', 'push_failing', facts)] : [ok('push', 'push_ok', facts)];
};

/** Days until a server’s certificate ends. @throws where none is shown, or it does not fit the name */
const daysOfCertificate = ({ hostname, port }: URL, now: Date): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) || 443, servername: hostname, timeout: PATIENCE_MS });
    socket.once('secureConnect', () => {
      const { valid_to: until } = socket.getPeerCertificate();
      socket.end();
      resolve(-daysSince(new Date(until), now));
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
  });

const certificate: Check = async ({ config, clock }) => {
  if (!config.isSecure) return [];
  const url = config.publicUrl;
  try {
    const days = await daysOfCertificate(new URL(url), clock.now());
    return [
      days < CERTIFICATE_DAYS
        ? bad('certificate', 'certificate_ending', { days })
        : ok('certificate', 'certificate_ok', { days }),
    ];
  } catch (error) {
    return [bad('certificate', 'certificate_unusable', { url, why: whyOf(error) })];
  }
};

const address: Check = async ({ config }) => {
  const url = config.publicUrl;
  try {
    const answer = await fetch(`${url}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { issuer } = (await answer.json()) as { issuer?: unknown };
    return [
      issuer === url
        ? ok('address', 'address_ok', { url })
        : bad('address', 'address_elsewhere', { url, issuer: String(issuer) }),
    ];
  } catch (error) {
    return [bad('address', 'address_silent', { url, why: whyOf(error) })];
  }
};

const keys: Check = async (d) => {
  const { config } = d;
  const now = d.clock.now();
  const signing = d.openid.keys().filter(({ state }) => state === 'signs');
  const days = Math.max(...signing.map(({ signsFrom }) => daysSince(signsFrom, now)));
  const path = join(config.dataDir, 'secret-key');
  const file = await stat(path).catch(() => undefined);
  return [
    config.keyRotationDays > 0 && days > config.keyRotationDays + 7
      ? bad('keys', 'keys_old', { days })
      : ok('keys', 'keys_ok', { days }),
    ...(config.secretKeys.length > 1 ? [hint('keys', 'key_former')] : []),
    ...(file && (file.mode & 0o077) !== 0 ? [bad('keys', 'key_readable', { path })] : []),
  ];
};

const disk: Check = async ({ config }) => {
  const { bavail, blocks, bsize } = await statfs(config.dataDir);
  const free = bavail * bsize;
  const facts = { gigabytes: Number((free / 1024 ** 3).toFixed(1)) };
  return free < SMALLEST_FREE.bytes && bavail / blocks < SMALLEST_FREE.share
    ? [bad('disk', 'disk_full', facts)]
    : [ok('disk', 'disk_ok', facts)];
};

const backup: Check = async (d) => {
  const [last] = await d.auditStore.list({ action: 'backup.made', limit: 1 });
  if (!last) return [hint('backup', 'backup_never')];
  const days = daysSince(last.at, d.clock.now());
  return [days > BACKUP_DAYS ? bad('backup', 'backup_old', { days }) : ok('backup', 'backup_ok', { days })];
};

const webhooks: Check = async (_d, health) => {
  const { deadLetters: count } = await health();
  return count > 0 ? [hint('webhooks', 'dead_letters', { count })] : [];
};

const directory: Check = async (_d, health) => {
  const { directory: run } = await health();
  return run?.problem ? [bad('directory', 'directory_unread', { problem: run.problem })] : [];
};

const norms: Check = async (d) => {
  const count = (await d.overview.norms()).filter(({ isMet }) => !isMet).length;
  return [count > 0 ? hint('norms', 'norms_not_met', { count }) : ok('norms', 'norms_ok')];
};

const account: Check = async () => (process.getuid?.() === 0 ? [hint('account', 'root')] : []);

const CHECKS: readonly (readonly [CheckupPart, Check])[] = [
  ['configuration', configuration],
  ['database', database],
  ['audit_log', auditLog],
  ['mail', mail],
  ['push', push],
  ['certificate', certificate],
  ['address', address],
  ['keys', keys],
  ['disk', disk],
  ['backup', backup],
  ['webhooks', webhooks],
  ['directory', directory],
  ['norms', norms],
  ['account', account],
];

/**
 * Looks at everything that an installation depends on, one after the other: what cannot be looked at is a finding too.
 * @param only at these parts
 */
export async function checkUp(d: Dependencies, only?: readonly CheckupPart[]): Promise<Finding[]> {
  let asked: Promise<Health> | undefined;
  const health = () => {
    asked ??= d.overview.health();
    return asked;
  };
  const findings: Finding[] = [];
  for (const [part, check] of CHECKS.filter(([part]) => only?.includes(part) ?? true))
    findings.push(
      ...(await check(d, health).catch((error: unknown) => [bad(part, 'unlookable', { why: whyOf(error) })])),
    );
  return findings;
}
