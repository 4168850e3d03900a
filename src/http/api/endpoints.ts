import { accountEndpoints } from './accounts.ts';
import { auditEndpoints } from './audit.ts';
import { campaignEndpoints } from './campaigns.ts';
import { clientEndpoints } from './clients.ts';
import type { Endpoint } from './endpoint.ts';
import { importEndpoints } from './imports.ts';
import { organisationEndpoints } from './organisation.ts';
import { policyEndpoints } from './policy.ts';
import { settingsEndpoints } from './settings.ts';
import { supportEndpoints } from './support.ts';
import { watchingEndpoints } from './watching.ts';
import { webhookEndpoints } from './webhooks.ts';

export type EndpointNeeds = Parameters<typeof accountEndpoints>[0] &
  Parameters<typeof auditEndpoints>[0] &
  Parameters<typeof clientEndpoints>[0] &
  Parameters<typeof importEndpoints>[0] &
  Parameters<typeof campaignEndpoints>[0] &
  Parameters<typeof settingsEndpoints>[0] &
  Parameters<typeof organisationEndpoints>[0] &
  Parameters<typeof policyEndpoints>[0] &
  Parameters<typeof supportEndpoints>[0] &
  Parameters<typeof watchingEndpoints>[0] &
  Parameters<typeof webhookEndpoints>[0];

/** The whole API, as a table. */
export const allEndpoints = (n: EndpointNeeds): readonly Endpoint[] => [
  ...accountEndpoints(n),
  ...importEndpoints(n),
  ...supportEndpoints(n),
  ...clientEndpoints(n),
  ...policyEndpoints(n),
  ...auditEndpoints(n),
  ...watchingEndpoints(n),
  ...campaignEndpoints(n),
  ...webhookEndpoints(n),
  ...settingsEndpoints(n),
  ...organisationEndpoints(n),
];
