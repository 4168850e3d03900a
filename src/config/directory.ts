import { z } from 'zod';
import { list } from './list.ts';

/** The organisation's directory, where people come from one over LDAP. */
export interface DirectoryConfig {
  readonly urls: readonly string[];
  readonly ca: string | undefined;
  readonly bindDn: string;
  readonly bindPassword: string;
  readonly base: string;
  readonly filter: string;
  readonly attributes: {
    readonly email: string;
    readonly name: string;
    readonly id: string;
    readonly groups?: string;
  };
  readonly syncMinutes: number;
  readonly mostSuspendedPercent: number;
}

const ATTRIBUTES = { email: 'mail', name: 'displayName', id: 'entryUUID' };
const PART = /^(email|name|id|groups)=([A-Za-z][A-Za-z0-9;-]{0,99})$/;

const isServer = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, username } = new URL(text);
  const isPlain = ['', '/'].includes(pathname) && search === '' && username === '';
  return /^ldaps?:$/.test(protocol) && hostname !== '' && isPlain;
};

/** The settings of a directory, within those of `schema.ts`. */
export const directorySettings = {
  LDAP_URL: list
    .refine((urls) => urls.length > 0 && urls.every(isServer), 'must be addresses like ldaps://dc1.example.org')
    .optional()
    .describe(
      'The directory that people come from, and that knows their passwords: `ldaps://host`, or `ldap://host`, where TLS begins first (StartTLS); more than one, separated by commas, are tried in turn. It is never spoken to without TLS. See docs/directory.md.',
    ),
  LDAP_CA: z
    .string()
    .regex(/-----BEGIN CERTIFICATE-----/, 'must be PEM')
    .optional()
    .describe(
      'Certificates (PEM) of those who vouch for the directory’s own, where they are yours: most easily as `LDAP_CA_FILE`.',
    ),
  LDAP_BIND_DN: z
    .string()
    .min(1)
    .optional()
    .describe('The account that reads the directory, by its DN. It needs to write nothing.'),
  LDAP_BIND_PASSWORD: z.string().min(1).optional().describe('The password of that account.'),
  LDAP_BASE: z
    .string()
    .min(1)
    .optional()
    .describe('Where people are looked for, by DN: `ou=people,dc=example,dc=org`.'),
  LDAP_FILTER: z
    .string()
    .default('(&(objectClass=person)(mail=*))')
    .describe(
      'Who may be here (RFC 4515). Whom it no longer finds is suspended. For Active Directory: `(&(objectCategory=person)(objectClass=user)(mail=*)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))`.',
    ),
  LDAP_ATTRIBUTES: list
    .refine(
      (parts) => parts.every((part) => PART.test(part)),
      'must be like email=mail, name=displayName, id=entryUUID',
    )
    .transform((parts) => ({
      ...ATTRIBUTES,
      ...(Object.fromEntries(parts.map((part) => part.split('='))) as Partial<DirectoryConfig['attributes']>),
    }))
    .default(ATTRIBUTES)
    .describe(
      'Which attribute says what. Default: `email=mail, name=displayName, id=entryUUID`. For Active Directory: `id=objectGUID`. With `groups=memberOf` the directory decides who is in which group.',
    ),
  LDAP_SYNC_MINUTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_080)
    .default(60)
    .describe(
      'How often the directory is read. In between, the password of whom it blocks opens nothing any more; sessions end when it is read.',
    ),
  LDAP_MOST_SUSPENDED: z.coerce
    .number()
    .int()
    .min(0)
    .max(100)
    .default(10)
    .describe(
      'How many hundredths of its people reading may suspend at once; five may always go. More take `directory sync --many`.',
    ),
};

const NEEDED = ['LDAP_BIND_DN', 'LDAP_BIND_PASSWORD', 'LDAP_BASE'] as const;

type Found = z.output<z.ZodObject<typeof directorySettings>>;

/** @returns undefined where there is none; what is missing is added to `problems` */
export function directoryFrom(found: Found, problems: string[]): DirectoryConfig | undefined {
  if (!found.LDAP_URL) return undefined;
  for (const name of NEEDED) if (!found[name]) problems.push(`${name} is needed with LDAP_URL`);
  return {
    urls: found.LDAP_URL,
    ca: found.LDAP_CA,
    bindDn: found.LDAP_BIND_DN ?? '',
    bindPassword: found.LDAP_BIND_PASSWORD ?? '',
    base: found.LDAP_BASE ?? '',
    filter: found.LDAP_FILTER,
    attributes: found.LDAP_ATTRIBUTES,
    syncMinutes: found.LDAP_SYNC_MINUTES,
    mostSuspendedPercent: found.LDAP_MOST_SUSPENDED,
  };
}
