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
import { type Random, token128 } from '../core/random.ts';
import { inDirectory, type LdapSettings } from './session.ts';

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
   * Everybody whom the filter finds; whoever has no id or no address is counted in `incomplete`. All or nothing.
   * @throws Fault `directory_unreachable`
   */
  people(): Promise<{ people: DirectoryPerson[]; incomplete: number }>;
  /**
   * Whether this is the password of the person with this id, whom the filter still finds. For nobody the same is done
   * for nothing, with a password that was made up.
   * @throws Fault `directory_unreachable`; at once for a while after the last time
   */
  check(id: string | undefined, password: string): Promise<boolean>;
}

const PAGE = 500;
const CHECK_MS = 8_000;
const READ_MS = 15 * 60_000;
/** How long nobody waits for a directory that did not answer. */
const REST_SECONDS = 10;
/** Kept as bytes in the directory; we keep them as hexadecimal digits. */
const BINARY = ['objectguid'];
/** What a server says of a password that is wrong, of an account that is locked, and of one without a password. */
const NO = [
  InvalidCredentialsError,
  InappropriateAuthError,
  ConstraintViolationError,
  UnwillingToPerformError,
  NoSuchObjectError,
];

/** @throws Fault `bad_configuration` for a filter that cannot be read */
export function openDirectory(s: DirectorySettings, clock: Clock, random: Random): LdapDirectory {
  const { attributes: names, base } = s;
  const everybody = parsed(s.filter);
  const isBinary = BINARY.includes(names.id.toLowerCase());
  const common = {
    scope: 'sub',
    attributes: [names.id, names.email, names.name, 'cn', ...(names.groups ? [names.groups] : [])],
    explicitBufferAttributes: isBinary ? [names.id] : [],
  } as const;
  const options = {
    ...common,
    attributes: [...common.attributes],
    explicitBufferAttributes: [...common.explicitBufferAttributes],
  };

  const personOf = (entry: Entry): DirectoryPerson | undefined => {
    const [id] = valuesOf(entry, names.id);
    const [email] = valuesOf(entry, names.email);
    const [displayName = email] = [...valuesOf(entry, names.name), ...valuesOf(entry, 'cn')];
    if (!id || !email) return undefined;
    const groups = names.groups && [...new Set(valuesOf(entry, names.groups).map(groupName))].sort();
    return { id, email, displayName: displayName!, groups: groups || undefined };
  };

  const withId = (id: string): Filter =>
    new AndFilter({
      filters: [everybody, new EqualityFilter({ attribute: names.id, value: isBinary ? Buffer.from(id, 'hex') : id })],
    });

  let restsUntil: Date | undefined;

  return {
    people: () =>
      inDirectory(s, READ_MS, async (client) => {
        const people: DirectoryPerson[] = [];
        let incomplete = 0;
        const paged = { ...options, filter: everybody, paged: { pageSize: PAGE } };
        try {
          for await (const { searchEntries } of client.searchPaginated(base, paged)) {
            const found = searchEntries.flatMap((entry) => personOf(entry) ?? []);
            people.push(...found);
            incomplete += searchEntries.length - found.length;
          }
        } catch (error) {
          throw directoryUnreachable(error);
        }
        return { people, incomplete };
      }),

    async check(id, typed) {
      const now = clock.now();
      if (restsUntil && now < restsUntil) throw directoryUnreachable(new Error('it did not answer a moment ago'));
      // An empty password would be a bind of nobody, which succeeds (RFC 4513, section 5.1.2).
      const isMeant = id !== undefined && typed.length > 0;
      const password = isMeant ? typed : token128(random);
      try {
        return await inDirectory(s, CHECK_MS, async (client) => {
          const filter = withId(isMeant ? id : token128(random));
          const { searchEntries } = await client.search(base, {
            ...options,
            attributes: ['1.1'],
            filter,
            sizeLimit: 2,
          });
          const dn = searchEntries.length === 1 ? searchEntries[0]!.dn : undefined;
          try {
            await client.bind(dn ?? `cn=${token128(random)},${base}`, password);
          } catch (error) {
            if (NO.some((kind) => error instanceof kind)) return false;
            throw error;
          }
          return isMeant && dn !== undefined;
        });
      } catch (error) {
        restsUntil = addSeconds(clock.now(), REST_SECONDS);
        throw error instanceof Fault ? error : directoryUnreachable(error);
      }
    },
  };
}

function parsed(filter: string): Filter {
  try {
    return FilterParser.parseString(filter);
  } catch (error) {
    throw badConfiguration([`LDAP_FILTER is not a filter (RFC 4515): ${(error as Error).message}`]);
  }
}

/** All values of an attribute, however its name is written; bytes as hexadecimal digits. */
function valuesOf(entry: Entry, name: string): string[] {
  const found = Object.entries(entry).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? [];
  return [found].flat().flatMap((value) => {
    const text = Buffer.isBuffer(value) ? value.toString('hex') : String(value).trim();
    return text ? [text] : [];
  });
}

/** `CN=Inkoop\, regio,OU=Groepen,DC=…` is the group “Inkoop, regio” (RFC 4514); a name is itself. */
function groupName(value: string): string {
  const match = /^[A-Za-z][\w-]*=((?:\\.|[^\\,+])+)[,+]/.exec(value);
  if (!match) return value;
  const bytes = match[1]!.replace(/((?:\\[0-9A-Fa-f]{2})+)/g, (hex) =>
    Buffer.from(hex.replaceAll('\\', ''), 'hex').toString(),
  );
  return bytes.replace(/\\(.)/g, '$1').trim();
}
