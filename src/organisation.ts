import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { Audit } from './flow/audit.ts';
import { createOrganisation } from './flow/organisation.ts';
import { createBrand } from './http/brand.ts';
import type { OrganisationStore } from './store/organisation.ts';
import type { Signals } from './store/signals.ts';

/** The organisation's name and look: what is kept, under what the environment says; read again when somebody changed it. */
export async function openOrganisation(n: {
  organisationStore: OrganisationStore;
  config: Config;
  signals: Signals;
  audit: Audit;
  clock: Clock;
  log: Logger;
}) {
  const organising = createOrganisation({ ...n, environment: n.config.organisation });
  await organising.read();
  // The look of before stays where the database is away.
  n.signals.on(
    'organisation',
    () => void organising.read().catch((err) => n.log.warn({ err }, 'the name and look cannot be read')),
  );
  const { organisation } = organising;
  return { organising, organisation, brand: createBrand(organisation) };
}
