import {
  AndFilter,
  ConstraintViolationError,
  type Entry,
  EqualityFilter,
  type Filter,
  FilterParser,
  InappropriateAuthError,
  InvalidCredentialsError,
  NoSuchObjectError,
  UnwillingToPerformError,
} from 'ldapts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { badConfiguration, directoryUnreachable, Fault } from '../core/errors.ts';
import { limiter } from '../core/limiter.ts';
import { type Random, token128 } from '../core/random.ts';
import { LONGEST_NAME } from '../core/text.ts';
import { asUnreachable, inDirectory, type LdapSettings } from './session.ts';

/** Which attributes say what. */
export interface LdapAttributes {
  readonly email: string;
  readonly name: string;
  /** Stays when somebody is renamed or moved: `entryUUID`, in Active Directory `objectGUID`. */
  readonly id: string;
  /** Names of groups, or the DNs of groups (`memberOf`); left out where groups are kept here. */
  readonly groups?: string | undefined;
}

export interface DirectorySettings extends LdapSettings {
  readonly base: string;
  /** Who may be here (RFC 4515). Whom it does not find any more, is suspended. */
  readonly filter: string;
  readonly attributes: LdapAttributes;
}

/** A person in the organisation's directory. */
export interface DirectoryPerson {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly groups: readonly string[] | undefined;
}

/** The organisation's directory, read over LDAP (RFC 4511); nothing is written to it. */
export interface LdapDirectory {
  /**
   * Everybody whom the filter finds; whoever has no id or no address that can be kept is counted in `incomplete`. All or
   * nothing.
   * @throws Fault `directory_unreachable`
   */
  people(): Promise<{ people: DirectoryPerson[]; incomplete: number }>;
  /**
   * Whether this is the password of the person with this id, whom the filter still finds. For nobody the same is done
   * for nothing, with a password that was made up.
   * @throws Fault `directory_unreachable`; at once for a while after no server could be reached; `overloaded`
   */
  check(id: string | undefined, password: string): Promise<boolean>;
}

const PAGE = 500;
const CHECK_MS = 6_000;
const READ_MS = 4 * 60_000;
/** How long nobody waits for a directory that could not be reached. */
const REST_SECONDS = 10;
/** Connections for sign-ins, and who waits for one. */
const CHECKS_AT_ONCE = 16;
const CHECKS_WAITING = 64;
/** The answers have a limit of their own: a slow directory turns nobody away before that. */
const CHECKS_WAIT_MS = Number.POSITIVE_INFINITY;
/** Kept as bytes in the directory; we keep them as hexadecimal digits. Others: `id=name;hex`. */
const BINARY = ['objectguid', 'objectsid', 'ms-ds-consistencyguid', 'guid'];
const LONGEST_ID = 200;
/** RFC 5321, section 4.5.3.1.3. */
const LONGEST_EMAIL = 254;
const MOST_GROUPS = 1000;
/** What a server says of a password that is wrong, of an account that is locked, and of one without a password. */
const NO = [
  InvalidCredentialsError,
  InappropriateAuthError,
  ConstraintViolationError,
  UnwillingToPerformError,
  NoSuchObjectError,
];
/** The library decides by name which values are text; we decide. */
const ALL_AS_BYTES: string[] = Object.assign([], { includes: () => true });

/** @throws Fault `bad_configuration` for a filter that cannot be read */
export function openDirectory(s: DirectorySettings, clock: Clock, random: Random): LdapDirectory {
  const { base } = s;
  const [idName = '', kind] = s.attributes.id.split(';');
  const isBinary = kind === 'hex' || BINARY.includes(idName.toLowerCase());
  const names = { ...s.attributes, id: kind === 'hex' ? idName : s.attributes.id };
  const everybody = parsed(s.filter);
  const atOnce = limiter(CHECKS_AT_ONCE, { waiting: CHECKS_WAITING, waitMs: CHECKS_WAIT_MS });

  const personOf = (entry: Entry): DirectoryPerson | undefined => {
    const [bytes] = bytesOf(entry, names.id);
    const id = bytes && (isBinary ? bytes.toString('hex') : textOf(bytes));
    const [email] = textsOf(entry, names.email);
    if (!id || id.length > LONGEST_ID || !email || email.length > LONGEST_EMAIL) return undefined;
    const [displayName = email] = [...textsOf(entry, names.name), ...textsOf(entry, 'cn')];
    const groups = names.groups && [...new Set(textsOf(entry, names.groups).map(groupName))].sort();
    return {
      id,
      email,
      displayName: displayName.slice(0, LONGEST_NAME),
      groups: groups ? groups.filter((name) => name.length <= LONGEST_NAME).slice(0, MOST_GROUPS) : undefined,
    };
  };

  const withId = (id: string | undefined): Filter => {
    const value = isBinary
      ? id === undefined
        ? Buffer.from(random.bytes(16))
        : Buffer.from(id, 'hex')
      : (id ?? random.uuid());
    return new AndFilter({ filters: [everybody, new EqualityFilter({ attribute: names.id, value })] });
  };

  let restsUntil: Date | undefined;

  return {
    async people() {
      const options = {
        scope: 'sub' as const,
        attributes: [names.id, names.email, names.name, 'cn', ...(names.groups ? [names.groups] : [])],
        explicitBufferAttributes: ALL_AS_BYTES,
        filter: everybody,
      };
      try {
        return await inDirectory(s, READ_MS, async ({ pages }) => {
          const people: DirectoryPerson[] = [];
          let incomplete = 0;
          for await (const { searchEntries } of pages(base, options, PAGE)) {
            const found = searchEntries.flatMap((entry) => personOf(entry) ?? []);
            people.push(...found);
            incomplete += searchEntries.length - found.length;
          }
          return { people, incomplete };
        });
      } catch (error) {
        throw asUnreachable(error);
      }
    },

    check: (id, typed) =>
      atOnce.run(async () => {
        if (restsUntil && clock.now() < restsUntil)
          throw directoryUnreachable(new Error('it could not be reached a moment ago'));
        // An empty password would be a bind of nobody, which succeeds (RFC 4513, section 5.1.2).
        const meant = typed.length > 0 ? id : undefined;
        const password = meant === undefined ? token128(random) : typed;
        try {
          return await inDirectory(s, CHECK_MS, async ({ client }) => {
            restsUntil = undefined;
            const { searchEntries } = await client.search(base, {
              scope: 'sub',
              attributes: ['1.1'],
              filter: withId(meant),
              sizeLimit: 2,
            });
            const dn = searchEntries.length === 1 ? searchEntries[0]!.dn : undefined;
            try {
              await client.bind(dn ?? `cn=${token128(random)},${base}`, password);
            } catch (error) {
              if (NO.some((each) => error instanceof each)) return false;
              throw error;
            }
            return meant !== undefined && dn !== undefined;
          });
        } catch (error) {
          // That no server can be reached is so for everybody; that one search failed is not.
          if (error instanceof Fault) restsUntil = addSeconds(clock.now(), REST_SECONDS);
          throw asUnreachable(error);
        }
      }),
  };
}

function parsed(filter: string): Filter {
  try {
    return FilterParser.parseString(filter);
  } catch (error) {
    throw badConfiguration([`LDAP_FILTER is not a filter (RFC 4515): ${(error as Error).message}`]);
  }
}

/** All values of an attribute, however its name is written. */
function bytesOf(entry: Entry, name: string): Buffer[] {
  const found = Object.entries(entry).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? [];
  return [found].flat().map((value) => Buffer.from(value));
}

/** As text that can be kept: one line of UTF-8. Empty for anything else. */
function textOf(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.replace(/[\p{Cc}\p{Cs}]+/gu, ' ').trim();
  } catch {
    return '';
  }
}

const textsOf = (entry: Entry, name: string): string[] => bytesOf(entry, name).map(textOf).filter(Boolean);

/** `CN=Inkoop\, regio,OU=Groepen,DC=…` is the group “Inkoop, regio” (RFC 4514); a name is itself. */
function groupName(value: string): string {
  const match = /^[A-Za-z][\w-]*=((?:\\.|[^\\,+])+)[,+]/.exec(value);
  if (!match) return value;
  const unescaped = match[1]!.replace(/((?:\\[0-9A-Fa-f]{2})+)/g, (hex) =>
    Buffer.from(hex.replaceAll('\\', ''), 'hex').toString(),
  );
  return unescaped.replace(/\\(.)/g, '$1').trim();
}
