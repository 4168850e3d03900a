import SCIMMY from 'scimmy';
import type { Account } from '../../store/accounts.ts';
import type { WholeGroup } from '../../store/directory-groups.ts';
import { type ScimContext, usersWith } from './resources.ts';
import { GROUPS, groupShape, MOST_RESULTS, USERS } from './shapes.ts';

/** What a list is asked for (RFC 7644, section 3.4.2). */
type Asked = Readonly<Record<string, unknown>>;

const PAGE = 500;
const DEFAULT_RESULTS = 100;
/** A filter that the database cannot answer is held against everybody, up to here. */
const MOST_LOOKED_AT = 50_000;

type Filter = InstanceType<typeof SCIMMY.Types.Filter>;

/** `attribute eq "value"` alone, for the attributes that the database finds by itself. */
function plainly(filter: Filter, attributes: readonly string[]): Record<string, string> | undefined {
  const [only, ...more] = filter as unknown as Record<string, unknown>[];
  const [[name, test] = ['', []], ...others] = Object.entries(only ?? {});
  if (more.length > 0 || others.length > 0 || !Array.isArray(test) || test.length !== 2) return undefined;
  const [comparator, value] = test as [unknown, unknown];
  const attribute = attributes.find((each) => each.toLowerCase() === name.toLowerCase());
  return attribute && String(comparator).toLowerCase() === 'eq' && typeof value === 'string'
    ? { [attribute]: value }
    : undefined;
}

interface ScimList {
  readonly schemas: readonly string[];
  readonly totalResults: number;
  readonly startIndex: number;
  readonly itemsPerPage: number;
  readonly Resources: readonly object[];
}

interface Source<T> {
  /** A page of those that the database finds; undefined where it cannot. */
  search(found: Record<string, string>, limit: number, offset: number): Promise<T[]>;
  count(found: Record<string, string>): Promise<number>;
  shapes(items: readonly T[]): Promise<object[]>;
}

async function list<T>(
  asked: Asked,
  attributes: readonly string[],
  source: Source<T>,
  draw: (shape: object, attributes: Filter | undefined) => object,
): Promise<ScimList> {
  // The library reads and checks what is asked.
  const { filter, attributes: wanted } = new SCIMMY.Resources.User(asked as never) as unknown as {
    filter?: Filter;
    attributes?: Filter;
  };
  const number = (value: unknown, otherwise: number): number =>
    Number.isSafeInteger(value) ? Number(value) : otherwise;
  const startIndex = Math.min(Math.max(1, number(asked.startIndex, 1)), 2 ** 31 - 1);
  const count = Math.min(Math.max(0, number(asked.count, DEFAULT_RESULTS)), MOST_RESULTS);
  const found = filter === undefined ? {} : plainly(filter, attributes);
  let shapes: object[];
  let totalResults: number;
  if (found) {
    totalResults = await source.count(found);
    shapes = await source.shapes(await source.search(found, count, startIndex - 1));
  } else {
    const matches: object[] = [];
    for (let offset = 0; offset < MOST_LOOKED_AT; offset += PAGE) {
      const page = await source.search({}, PAGE, offset);
      const drawn = await source.shapes(page);
      // A list that somebody has nothing in is one all the same: the library takes its lack for a mistake in the filter.
      const whole = JSON.parse(JSON.stringify(drawn)) as object[];
      matches.push(...whole.filter((each) => filter!.match([{ emails: [], members: [], ...each }]).length > 0));
      if (page.length < PAGE) break;
      if (offset + PAGE >= MOST_LOOKED_AT)
        throw new SCIMMY.Types.Error(
          400,
          'tooMany',
          'Too many to look at: filter by userName, externalId or displayName.',
        );
    }
    totalResults = matches.length;
    shapes = matches.slice(startIndex - 1, startIndex - 1 + count);
  }
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults,
    startIndex,
    itemsPerPage: shapes.length,
    Resources: shapes.map((shape) => draw(shape, wanted)),
  };
}

/** People but for those who were removed. */
export function listUsers(asked: Asked, context: ScimContext): Promise<ScimList> {
  const filterOf = ({ userName, externalId }: Record<string, string>) => ({
    isRevoked: false,
    email: userName?.toLowerCase(),
    externalId,
  });
  return list<Account>(
    asked,
    ['userName', 'externalId'],
    {
      search: (found, limit, offset) => context.accounts.search(filterOf(found), limit, { offset }),
      count: (found) => context.accounts.count(filterOf(found)),
      shapes: (accounts) => usersWith(context, accounts),
    },
    (shape, attributes) => new SCIMMY.Schemas.User(shape as never, 'out', USERS, attributes as never),
  );
}

export function listGroups(asked: Asked, context: ScimContext): Promise<ScimList> {
  return list<WholeGroup>(
    asked,
    ['displayName', 'externalId'],
    {
      search: (found, limit, offset) => context.directoryGroups.search(found, limit, offset),
      count: (found) => context.directoryGroups.count(found),
      shapes: async (groups) => groups.map(groupShape),
    },
    (shape, attributes) => new SCIMMY.Schemas.Group(shape as never, 'out', GROUPS, attributes as never),
  );
}

/** People first, then groups, as one list. */
export async function listEverything(asked: Asked, context: ScimContext): Promise<ScimList> {
  const users = await listUsers(asked, context);
  const { startIndex, totalResults } = users;
  const room = Math.min(Number(asked.count ?? DEFAULT_RESULTS), MOST_RESULTS) - users.Resources.length;
  const from = Math.max(1, startIndex - totalResults);
  const groups = await listGroups({ ...asked, startIndex: from, count: Math.max(0, room) }, context);
  const Resources = [...users.Resources, ...groups.Resources];
  return { ...users, totalResults: totalResults + groups.totalResults, itemsPerPage: Resources.length, Resources };
}
