import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { NORMS } from '../../core/norms.ts';
import type { Overview } from '../../flow/overview.ts';
import { settingInWords } from '../../i18n/settings.ts';
import type { Block, Cell } from './blocks.ts';
import { directoryBlocks } from './directory.ts';
import { ORGANISATION_PATH } from './organisation.ts';
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

/** How this installation is set, and what of it the norms ask otherwise. */
export const settingsPages: FastifyPluginAsyncZod<SettingsPagesNeeds> = async (app, n) => {
  app.get('/admin/settings', { config: { guard: 'console', permission: 'settings:read' } }, async (request, reply) => {
    const { t, times } = request;
    const [norms, health] = await Promise.all([n.overview.norms(), n.overview.health()]);
    const deviations = norms.filter(({ isMet }) => !isMet);
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
        { type: 'heading', text: t('console.norms') },
        deviations.length === 0
          ? { type: 'notice', tone: 'good', text: t('console.norms_all', { count: norms.length }) }
          : {
              type: 'notice',
              tone: 'note',
              text: t('console.norms_some', { count: deviations.length, all: norms.length }),
              items: deviations.map(({ name }) => t(`deviation.${name}`)),
            },
        { type: 'links', items: [{ path: '/admin/norms', text: t('console.norms_each') }] },
        {
          type: 'links',
          items: [
            { path: '/admin/check', text: t('console.check_all') },
            ...(request.console!.permissions.has('settings:write')
              ? [{ path: ORGANISATION_PATH, text: t('console.organisation') }]
              : []),
          ],
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

  app.get('/admin/norms', { config: { guard: 'console', permission: 'settings:read' } }, async (request, reply) => {
    const { t } = request;
    const checks = await n.overview.norms();
    return showConsole(request, reply, {
      title: t('console.norms'),
      here: 'settings',
      back: { path: '/admin/settings', text: t('console.part_settings') },
      blocks: [
        { type: 'text', text: t('console.norms_text') },
        ...NORMS.flatMap((norm): Block[] => [
          { type: 'heading', text: norm },
          {
            type: 'table',
            caption: norm,
            isCaptionHidden: true,
            columns: [t('console.norm_section'), t('console.norm_asks'), t('console.norm_here'), t('console.setting')],
            empty: '',
            rows: checks.flatMap(({ name, isMet, what, sources }) =>
              sources
                .filter((source) => source.norm === norm)
                .map(({ section }): Cell[] => [
                  { text: section },
                  { text: t(`norm.${name}`) },
                  isMet
                    ? { text: t('console.norm_met'), tone: 'good' }
                    : { text: t('console.norm_not_met'), tone: 'bad', hint: t(`deviation.${name}`) },
                  { text: what },
                ]),
            ),
          },
        ]),
        { type: 'text', text: t('console.norms_more'), isHint: true },
      ],
    });
  });
};
