import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Overview } from '../../flow/overview.ts';
import { settingInWords } from '../../i18n/settings.ts';
import { directoryBlocks } from './directory.ts';
import { showConsole } from './show.ts';

/** As `settings-shown.ts` reads it. */
interface ShownSetting {
  readonly name: string;
  readonly value: string | null;
  /** What it is where nobody sets it. */
  readonly usual: string | null;
  readonly description: string;
}

export interface SettingsPagesNeeds {
  readonly overview: Overview;
  readonly settings: readonly ShownSetting[];
}

/** How this installation is set, and where it does less than the norms ask. */
export const settingsPages: FastifyPluginAsyncZod<SettingsPagesNeeds> = async (app, n) => {
  app.get('/admin/settings', { config: { guard: 'console', permission: 'settings:read' } }, async (request, reply) => {
    const { t, times } = request;
    const [deviations, health] = await Promise.all([n.overview.deviations(), n.overview.health()]);
    return showConsole(request, reply, {
      title: t('console.part_settings'),
      here: 'settings',
      blocks: [
        { type: 'heading', text: t('console.health') },
        {
          type: 'facts',
          items: [
            { label: t('console.log_guarded'), value: t(health.isLogGuarded ? 'console.yes' : 'console.no') },
            { label: t('console.log_waiting'), value: times.number(health.unlinked) },
            {
              label: t('console.last_checkpoint'),
              value: health.lastCheckpointAt ? times.dateTime(health.lastCheckpointAt) : t('console.never'),
            },
            { label: t('console.dead_letters'), value: times.number(health.deadLetters) },
            {
              label: t('console.mails_waiting'),
              value: health.mailsWaitingSince
                ? t('console.mails_waiting_since', {
                    count: health.mailsWaiting,
                    time: times.dateTime(health.mailsWaitingSince),
                  })
                : '0',
            },
          ],
        },
        ...directoryBlocks(health.directory, request),
        { type: 'heading', text: t('console.deviations') },
        { type: 'text', text: t('console.deviations_text') },
        {
          type: 'table',
          caption: t('console.deviations'),
          isCaptionHidden: true,
          columns: [t('console.what'), t('console.setting'), t('console.norm')],
          empty: t('console.deviations_none'),
          rows: deviations.map(({ name, source, what }) => [
            { text: t(`deviation.${name}`) },
            { text: what },
            { text: source },
          ]),
        },
        { type: 'heading', text: t('console.settings') },
        { type: 'text', text: t('console.settings_text'), isHint: true },
        {
          type: 'table',
          caption: t('console.settings'),
          isCaptionHidden: true,
          columns: [t('console.setting'), t('console.value'), t('console.meaning')],
          empty: '',
          rows: n.settings.map(({ name, value, usual, description }) => [
            { text: name },
            { text: value ?? (usual === null ? t('console.not_set') : t('console.default', { value: usual })) },
            { text: settingInWords(request.locale, name, description) },
          ]),
        },
      ],
    });
  });
};
