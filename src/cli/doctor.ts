import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { settings } from '../config/schema.ts';
import type { Dependencies } from '../dependencies.ts';
import { checkMailServer } from '../mail/mailer.ts';
import { type Command, counted } from './command.ts';

type Level = 'ok' | 'hint' | 'bad';

/** What was looked at, how it is, and where it is not well what to do. */
interface Finding {
  readonly level: Level;
  readonly what: string;
  readonly text: string;
}

type Check = (d: Dependencies) => Promise<Finding[]>;

const finding =
  (level: Level) =>
  (what: string, text: string): Finding => ({ level, what, text });
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
    ...(places === null ? [bad('configuration', 'GEOIP_FILE cannot be read: requests show no place.')] : []),
    ok('configuration', `the settings can be used; people go to ${config.publicUrl}`),
    ...odd.map((name) => hint('configuration', `${name} is no setting: it does nothing. See docs/configuration.md.`)),
    ...(config.isSecure
      ? []
      : [
          hint('configuration', 'PUBLIC_URL is http: only browsers on this machine can sign in. Set an https address.'),
        ]),
  ];
};

const database: Check = async (d) => {
  const before = Date.now();
  const [row] = await d.database.sql<{ version: number; fsync: string; now: Date; commit: string }>`SELECT
    current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync, clock_timestamp() AS now,
    current_setting('synchronous_commit') AS commit`;
  const after = Date.now();
  const { version, fsync, now, commit } = row!;
  const skew = Math.round((now.getTime() - (before + after) / 2) / 1000);
  return [
    version < 150_000
      ? bad('database', `PostgreSQL ${Math.floor(version / 10_000)} is too old: 15 or newer.`)
      : ok('database', `PostgreSQL ${Math.floor(version / 10_000)} answers in ${after - before} ms`),
    ...(fsync === 'on' && commit !== 'off'
      ? []
      : [
          bad(
            'database',
            'It does not wait for the disk (fsync, synchronous_commit): a crash loses what people were told is done.',
          ),
        ]),
    Math.abs(skew) > LARGEST_SKEW_SECONDS
      ? bad('clock', `The database’s clock is ${skew} s off ours. Keep both by NTP: codes of code apps depend on it.`)
      : ok('clock', 'the database’s clock and ours agree'),
  ];
};

const auditLog: Check = async (d) => {
  const health = await d.overview.health();
  const late = health.unlinkedSince && d.clock.now().getTime() - health.unlinkedSince.getTime() > LATE_MINUTES * 60_000;
  return [
    health.isLogGuarded
      ? ok('audit log', 'the server may add to it, and nothing else')
      : hint(
          'audit log',
          'The server owns its tables and could change it. Set DATABASE_OWNER_URL (docs/administration.md).',
        ),
    late
      ? bad(
          'audit log',
          `Events wait for their place in the chain since ${health.unlinkedSince!.toISOString()}: does a server run?`,
        )
      : ok('audit log', 'every event has its place in the chain; audit verify looks at each'),
  ];
};

const mail: Check = async (d) => {
  const { mailsWaiting, mailsWaitingSince } = await d.overview.health();
  const waiting = mailsWaitingSince
    ? [hint('mail', `${counted(mailsWaiting, 'mail')} wait since ${mailsWaitingSince.toISOString()}.`)]
    : [];
  const { smtpUrl, dataDir } = d.config;
  if (!smtpUrl)
    return [
      hint('mail', `SMTP_URL is not set: mails go to ${join(dataDir, 'outbox')}, and nobody gets them.`),
      ...waiting,
    ];
  return checkMailServer(smtpUrl).then(
    () => [ok('mail', 'the mail server takes our connection'), ...waiting],
    (error: unknown) => [bad('mail', `The mail server refuses us (${whyOf(error)}). Check SMTP_URL.`), ...waiting],
  );
};

const push: Check = async (d) => {
  const from = new Date(d.clock.now().getTime() - DAY_MS);
  const sent = await d.auditStore.search({ action: 'push.sent', from }, 1000);
  const failed = sent.filter(({ result }) => result === 'failure').length;
  if (sent.length === 0) return [ok('push', 'no notification was sent in the last day')];
  const text = `${failed} of ${sent.length} notifications in the last day were not taken`;
  return failed * 2 > sent.length
    ? [
        bad(
          'push',
          `${text}. Can this machine reach the push services on port 443? Phones still find requests when their app is opened.`,
        ),
      ]
    : [ok('push', text)];
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

const publicAddress: Check = async ({ config, clock }) => {
  const found: Finding[] = [];
  if (config.isSecure)
    try {
      const days = await daysOfCertificate(new URL(config.publicUrl), clock.now());
      found.push(
        days < CERTIFICATE_DAYS
          ? bad('certificate', `It ends in ${days} days. Renew it at the proxy.`)
          : ok('certificate', `it is good for ${days} days`),
      );
    } catch (error) {
      found.push(bad('certificate', `The certificate of ${config.publicUrl} cannot be used (${whyOf(error)}).`));
    }
  try {
    const answer = await fetch(`${config.publicUrl}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const { issuer } = (await answer.json()) as { issuer?: unknown };
    found.push(
      issuer === config.publicUrl
        ? ok('address', `${config.publicUrl} leads to this server`)
        : bad('address', `${config.publicUrl} leads to something else (${String(issuer)}).`),
    );
  } catch (error) {
    found.push(
      bad(
        'address',
        `${config.publicUrl} does not answer from here (${whyOf(error)}). Does the server run, and the proxy?`,
      ),
    );
  }
  return found;
};

const keys: Check = async (d) => {
  const { config } = d;
  const now = d.clock.now();
  const signing = d.openid.keys().filter(({ state }) => state === 'signs');
  const oldest = Math.max(...signing.map(({ signsFrom }) => daysSince(signsFrom, now)));
  const file = await stat(join(config.dataDir, 'secret-key')).catch(() => undefined);
  return [
    config.keyRotationDays > 0 && oldest > config.keyRotationDays + 7
      ? bad('keys', `A signing key is ${oldest} days old: no server has replaced it. See keys rotate.`)
      : ok('keys', `the signing keys are at most ${oldest} days old`),
    ...(config.secretKeys.length > 1
      ? [hint('keys', 'SECRET_KEY holds a former key still. Do keys reseal, then take it out.')]
      : []),
    ...(file && (file.mode & 0o077) !== 0
      ? [bad('keys', `Others on this machine may read ${join(config.dataDir, 'secret-key')}. Do: chmod 600.`)]
      : []),
  ];
};

const disk: Check = async ({ config }) => {
  const { bavail, blocks, bsize } = await statfs(config.dataDir);
  const free = bavail * bsize;
  const text = `${(free / 1024 ** 3).toFixed(1)} GB free where DATA_DIR is`;
  return free < SMALLEST_FREE.bytes && bavail / blocks < SMALLEST_FREE.share
    ? [bad('disk', `${text}: make room, or nothing can be written.`)]
    : [ok('disk', text)];
};

const backup: Check = async (d) => {
  const [last] = await d.auditStore.list({ action: 'backup.made', limit: 1 });
  const days = last && daysSince(last.at, d.clock.now());
  if (days === undefined)
    return [hint('backup', 'backup create was never used here. If nothing else makes backups, put it in a timer.')];
  return days > BACKUP_DAYS
    ? [bad('backup', `The last one is ${days} days old.`)]
    : [ok('backup', `the last one is ${days} days old`)];
};

const others: Check = async (d) => {
  const [health, norms] = await Promise.all([d.overview.health(), d.overview.norms()]);
  const deviations = norms.filter(({ isMet }) => !isMet);
  const { directory } = health;
  return [
    ...(health.deadLetters > 0
      ? [hint('webhooks', `${counted(health.deadLetters, 'message')} were given up: see webhook list.`)]
      : []),
    ...(directory?.problem
      ? [bad('directory', `The last time it was not read: ${directory.problem}. See directory show.`)]
      : []),
    ...(deviations.length > 0
      ? [
          hint(
            'norms',
            `${counted(deviations.length, 'thing')} that NIST, ASVS or BIO2 ask are not so: see Norms in the console.`,
          ),
        ]
      : [ok('norms', 'all that NIST, ASVS and BIO2 ask of settings is so')]),
    ...(process.getuid?.() === 0 ? [hint('account', 'This runs as root. Give the server an account of its own.')] : []),
  ];
};

const CHECKS: Readonly<Record<string, Check>> = {
  configuration,
  database,
  'audit log': auditLog,
  mail,
  push,
  address: publicAddress,
  keys,
  disk,
  backup,
  others,
};

const SIGNS: Readonly<Record<Level, string>> = { ok: 'ok  ', hint: 'hint', bad: 'BAD ' };

export const doctorCommand: Command = {
  words: 'doctor',
  usage: 'doctor',
  help: 'Looks at everything that an installation depends on (settings, database, clock, audit log, mail, push, certificate, keys, disk, backup) and says what to do. Exit code 1 where something is bad.',
  async run(d) {
    const findings: Finding[] = [];
    // One after the other: what cannot be looked at is a finding too.
    for (const [what, check] of Object.entries(CHECKS))
      findings.push(
        ...(await check(d).catch((error: unknown) => [bad(what, `Could not be looked at: ${whyOf(error)}.`)])),
      );
    if (findings.some(({ level }) => level === 'bad')) process.exitCode = 1;
    const text = findings.map((f) => `${SIGNS[f.level]}  ${f.what.padEnd(13)}  ${f.text}`).join('\n');
    return { text, data: findings };
  },
};
