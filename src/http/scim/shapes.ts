import SCIMMY from 'scimmy';
import type { Account } from '../../store/accounts.ts';
import type { DirectoryGroup, WholeGroup } from '../../store/directory-groups.ts';

/** SCIM 2.0 in our words: what a user and a group look like (RFC 7643), and what we do not keep and so do not offer. */

export const USERS = '/scim/v2/Users';
export const GROUPS = '/scim/v2/Groups';
export const MOST_RESULTS = 200;

const NOT_KEPT = [
  'name',
  'preferredLanguage',
  'emails.display',
  'emails.primary',
  'nickName',
  'profileUrl',
  'title',
  'userType',
  'locale',
  'timezone',
  'password',
  'phoneNumbers',
  'ims',
  'photos',
  'addresses',
  'entitlements',
  'roles',
  'x509Certificates',
];

let isDeclared = false;

/** The library keeps one set of declarations for the process. */
export function declareShapes(): void {
  if (isDeclared) return;
  isDeclared = true;
  const user = SCIMMY.Schemas.User.definition;
  for (const name of NOT_KEPT) user.truncate(name);
  // Always there: what is left out gets a value.
  for (const name of ['displayName', 'active']) user.attribute(name).config.required = true;
  user.attribute('emails.type').config.canonicalValues = ['work'];
  SCIMMY.Schemas.Group.definition.truncate('members.display');
  SCIMMY.Config.set({
    patch: true,
    bulk: false,
    filter: { supported: true, maxResults: MOST_RESULTS },
    changePassword: false,
    sort: false,
    etag: false,
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'OAuth 2.0 bearer token',
        description:
          'An access token of this server for its API, by client credentials, with the scope directory:write.',
      },
    ],
  });
  SCIMMY.Resources.User.basepath('/scim/v2');
  SCIMMY.Resources.Group.basepath('/scim/v2');
  SCIMMY.Resources.declare(SCIMMY.Resources.User, {});
  SCIMMY.Resources.declare(SCIMMY.Resources.Group, {});
  SCIMMY.Resources.Schema.basepath('/scim/v2');
  SCIMMY.Resources.ResourceType.basepath('/scim/v2');
  SCIMMY.Resources.ServiceProviderConfig.basepath('/scim/v2');
}

export const userShape = (a: Account, groups: readonly DirectoryGroup[]) => ({
  id: a.id,
  ...(a.externalId === null ? {} : { externalId: a.externalId }),
  userName: a.email,
  displayName: a.displayName,
  active: a.status === 'active',
  ...(a.notifyEmail === null ? {} : { emails: [{ value: a.notifyEmail, type: 'work' }] }),
  groups: groups
    .filter(({ displayName }) => a.groups.includes(displayName))
    .map(({ id, displayName }) => ({ value: id, display: displayName, $ref: `${GROUPS}/${id}`, type: 'direct' })),
  meta: { created: a.createdAt, lastModified: a.updatedAt },
});

export const groupShape = (g: WholeGroup) => ({
  id: g.id,
  ...(g.externalId === null ? {} : { externalId: g.externalId }),
  displayName: g.displayName,
  members: g.members.map((id) => ({ value: id, $ref: `${USERS}/${id}`, type: 'User' })),
  meta: { created: g.createdAt, lastModified: g.updatedAt },
});
