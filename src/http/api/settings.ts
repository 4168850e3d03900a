import { z } from 'zod';
import type { Overview } from '../../flow/overview.ts';
import type { Translate } from '../../i18n/translate.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { isoOrNull, timeOrNull } from './schemas.ts';

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
      const [deviations, health] = await Promise.all([n.overview.deviations(), n.overview.health()]);
      return {
        value: {
          settings: n.settings.map(({ name, value, description }) => ({ name, value, description })),
          deviations: deviations.map(({ name, source, what }) => ({
            name,
            source,
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
          },
        },
      };
    },
  }),
];
