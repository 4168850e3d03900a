import { z } from 'zod';
import type { Health, Overview } from '../../flow/overview.ts';
import type { Translate } from '../../i18n/translate.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { isoOrNull, timeOrNull } from './schemas.ts';

const count = z.number().int();
const directory = z
  .strictObject({
    readAt: timeOrNull,
    succeededAt: timeOrNull,
    problem: z
      .enum(['directory_unreachable', 'too_many_missing', 'fault'])
      .nullable()
      .describe('`too_many_missing`: so many were gone that nobody was suspended.'),
    found: count,
    added: count,
    changed: count,
    suspended: count,
    missing: count,
    incomplete: count,
    refused: count,
  })
  .meta({ id: 'DirectoryRead' });

function shownDirectory(run: NonNullable<Health['directory']> | null): z.infer<typeof directory> {
  const {
    found = 0,
    added = 0,
    changed = 0,
    suspended = 0,
    missing = 0,
    incomplete = 0,
    refused = 0,
  } = run?.report ?? {};
  return {
    readAt: isoOrNull(run?.finishedAt ?? null),
    succeededAt: isoOrNull(run?.succeededAt ?? null),
    problem: (run?.problem ?? null) as z.infer<typeof directory>['problem'],
    ...{ found, added, changed, suspended, missing, incomplete, refused },
  };
}

const settings = z
  .strictObject({
    settings: z.array(
      z.strictObject({
        name: z.string(),
        value: z.string().nullable().describe('Null where the default holds; of a secret only that it is there.'),
        description: z.string(),
      }),
    ),
    deviations: z
      .array(z.strictObject({ name: z.string(), source: z.string(), setting: z.string(), description: z.string() }))
      .describe('Where this installation does less than NIST SP 800-63B-4, ASVS 5.0 or BIO2 ask.'),
    health: z.strictObject({
      isLogGuarded: z.boolean().describe('The server cannot change or delete audit events.'),
      unlinkedEvents: z.number().int(),
      lastCheckpointAt: timeOrNull,
      deadLetters: z.number().int(),
      mailsWaiting: z.number().int().describe('Mails that could not be handed over yet; they are tried for a day.'),
      mailsWaitingSince: timeOrNull,
      directory: directory.nullable().describe('Null where no directory is read over LDAP.'),
    }),
  })
  .meta({ id: 'Settings' });

export const settingsEndpoints = (n: {
  overview: Overview;
  settings: readonly { readonly name: string; readonly value: string | null; readonly description: string }[];
  t: Translate;
}): readonly Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/settings',
    id: 'getSettings',
    tag: 'settings',
    summary: 'How this installation is set, how it stands, and where it does less than the norms ask',
    permission: 'settings:read',
    answers: { 200: settings },
    async run() {
      const [norms, health] = await Promise.all([n.overview.norms(), n.overview.health()]);
      return {
        value: {
          settings: n.settings.map(({ name, value, description }) => ({ name, value, description })),
          deviations: norms
            .filter(({ isMet }) => !isMet)
            .map(({ name, sources, what }) => ({
              name,
              source: sources.map(({ norm, section }) => `${norm}, ${section}`).join('; '),
              setting: what,
              description: n.t(`deviation.${name}`),
            })),
          health: {
            isLogGuarded: health.isLogGuarded,
            unlinkedEvents: health.unlinked,
            lastCheckpointAt: isoOrNull(health.lastCheckpointAt),
            deadLetters: health.deadLetters,
            mailsWaiting: health.mailsWaiting,
            mailsWaitingSince: isoOrNull(health.mailsWaitingSince),
            directory: health.directory === undefined ? null : shownDirectory(health.directory),
          },
        },
      };
    },
  }),
];
