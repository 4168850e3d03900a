import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AlertThresholds, DEFAULT_THRESHOLDS } from '../core/alert-rules.ts';
import { ACR_PHISHING_RESISTANT, type Acr, acrNamed } from '../core/assurance.ts';
import { badConfiguration } from '../core/errors.ts';
import type { Organisation, OrganisationPart } from '../core/organisation.ts';
import type { Random } from '../core/random.ts';
import { type DirectoryConfig, directoryFrom } from './directory.ts';
import { readLogo } from './logo.ts';
import { isLoopback, type Settings, settings } from './schema.ts';

/** The settings of one run: frozen, complete, with absolute paths. */
export interface Config {
  readonly publicUrl: string;
  readonly isSecure: boolean;
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string | undefined;
  readonly databaseOwnerUrl: string | undefined;
  /** Processes that serve on this port. */
  readonly workers: number;
  readonly databasePool: number;
  readonly dataDir: string;
  /** At least one; the first seals. */
  readonly secretKeys: readonly string[];
  /** What of it the environment says. */
  readonly organisation: { readonly [Part in OrganisationPart]: Organisation[Part] | undefined };
  /** Of the accessibility statement. */
  readonly accessibilityUrl: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  readonly directory: DirectoryConfig | undefined;
  readonly trustProxy: readonly string[];
  readonly timeZone: string;
  readonly numberLength: number;
  readonly pushHosts: readonly string[];
  readonly allowedAaguids: readonly string[];
  readonly pushContact: string;
  readonly geoipFile: string | undefined;
  readonly clientHosts: readonly string[];
  readonly clientCertHeader: string | undefined;
  readonly keyRotationDays: number;
  readonly keyOverlapHours: number;
  readonly adminAcr: Acr;
  readonly alertThresholds: AlertThresholds;
  readonly apiCallsPerMinute: number;
  readonly auditRetentionDays: number;
  readonly eraseAfterDays: number | undefined;
  readonly viewsDir: string | undefined;
  /** Where figures are read; undefined where nobody does. */
  readonly metrics: { readonly host: string; readonly port: number; readonly token: string | undefined } | undefined;
  readonly logLevel: Settings['LOG_LEVEL'];
}

/**
 * Reads the settings from the environment. Every setting can also come from a file: `NAME_FILE` names it.
 * @throws Fault `bad_configuration` with every mistake at once
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>, random: Random): Config {
  const problems: string[] = [];
  const given = Object.fromEntries(
    Object.keys(settings.shape).map((name) => [name, settingFrom(name, environment, problems)]),
  );
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  }
  const directory = parsed.success ? directoryFrom(parsed.data, problems) : undefined;
  if (parsed.data?.METRICS_LISTEN && !parsed.data.METRICS_TOKEN && !isOnThisMachine(parsed.data.METRICS_LISTEN.host))
    problems.push('METRICS_TOKEN is missing: METRICS_LISTEN can be reached from other machines');
  const logo = parsed.data?.LOGO_FILE ? readLogo(parsed.data.LOGO_FILE, problems) : undefined;
  if (parsed.data && !parsed.data.SUPPORT)
    for (const name of ['SUPPORT_PHONE', 'SUPPORT_HOURS'] as const)
      if (parsed.data[name]) problems.push(`${name} needs SUPPORT: the name of whom people ask`);
  if (!parsed.success || problems.length > 0) throw badConfiguration(problems);

  const found = parsed.data;
  const dataDir = resolve(found.DATA_DIR);
  const publicUrl = found.PUBLIC_URL ?? `http://localhost:${found.PORT}`;
  const url = new URL(publicUrl);
  return Object.freeze({
    publicUrl,
    isSecure: url.protocol === 'https:',
    port: found.PORT,
    host: found.HOST,
    databaseUrl: found.DATABASE_URL,
    databaseOwnerUrl: found.DATABASE_OWNER_URL,
    workers: found.WEB_CONCURRENCY,
    databasePool: found.DATABASE_POOL,
    dataDir,
    secretKeys: splitKeys(found.SECRET_KEY ?? keptSecretKey(dataDir, random)),
    organisation: {
      name: found.ORGANISATION,
      support: found.SUPPORT
        ? { name: found.SUPPORT, phone: found.SUPPORT_PHONE ?? null, hours: found.SUPPORT_HOURS ?? null }
        : undefined,
      logo,
      accent: found.ACCENT_COLOUR,
    },
    accessibilityUrl: found.ACCESSIBILITY_URL,
    smtpUrl: found.SMTP_URL,
    mailFrom: found.MAIL_FROM,
    directory,
    trustProxy: found.TRUST_PROXY,
    timeZone: found.TIME_ZONE,
    numberLength: found.NUMBER_LENGTH,
    pushHosts: found.PUSH_HOSTS,
    allowedAaguids: found.WEBAUTHN_AAGUIDS,
    // Apple refuses a contact on localhost with BadJwtToken.
    pushContact: found.PUSH_CONTACT ?? (isLoopback(url.hostname) ? 'mailto:nobody@example.org' : publicUrl),
    geoipFile: found.GEOIP_FILE && resolve(found.GEOIP_FILE),
    clientHosts: found.CLIENT_HOSTS,
    clientCertHeader: found.CLIENT_CERT_HEADER,
    keyRotationDays: found.KEY_ROTATION_DAYS,
    keyOverlapHours: found.KEY_OVERLAP_HOURS,
    alertThresholds: { ...DEFAULT_THRESHOLDS, ...found.ALERTS },
    adminAcr: acrNamed(found.ADMIN_ACR) ?? ACR_PHISHING_RESISTANT,
    apiCallsPerMinute: found.API_CALLS_PER_MINUTE,
    auditRetentionDays: found.AUDIT_RETENTION_DAYS,
    eraseAfterDays: found.ERASE_AFTER_DAYS,
    viewsDir: found.VIEWS_DIR && resolve(found.VIEWS_DIR),
    metrics: found.METRICS_LISTEN && { ...found.METRICS_LISTEN, token: found.METRICS_TOKEN },
    logLevel: found.LOG_LEVEL,
  });
}

const isOnThisMachine = (host: string): boolean => isLoopback(host) || host === '::1';

/** The value of a setting; an empty one counts as not set, as in a compose file that passes everything on. */
function settingFrom(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): string | undefined {
  const file = environment[`${name}_FILE`];
  if (!file) return environment[name] || undefined;
  if (environment[name]) {
    problems.push(`${name} and ${name}_FILE are both set: use one`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    problems.push(`${name}_FILE cannot be read (${(cause as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

/** The first key seals; the others only open what was sealed with them before. */
const splitKeys = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** The secret key of `dataDir`, made on first use; `wx` lets one of two processes that start together make it. */
function keptSecretKey(dataDir: string, random: Random): string {
  const file = join(dataDir, 'secret-key');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, `${random.bytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
      chmodSync(file, 0o600);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw badConfiguration([`DATA_DIR cannot be used (${(cause as NodeJS.ErrnoException).code}): ${file}`]);
  }
}
