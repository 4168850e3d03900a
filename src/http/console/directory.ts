import type { FastifyRequest } from 'fastify';
import type { RefusalCode } from '../../core/refusals.ts';
import type { Health } from '../../flow/overview.ts';
import type { Translate } from '../../i18n/translate.ts';
import { refusalInWords } from '../wording.ts';
import type { Block } from './blocks.ts';

/** What came of reading the organisation's directory; nothing where there is none. */
export function directoryBlocks(directory: Health['directory'], { t, times }: FastifyRequest): Block[] {
  if (directory === undefined) return [];
  const { finishedAt = null, succeededAt = null, report = null, problem = null } = directory ?? {};
  const facts = (['found', 'added', 'changed', 'suspended', 'refused'] as const).map((name) => ({
    label: t(`console.directory_${name}`),
    value: times.number(report?.[name] ?? 0),
  }));
  return [
    { type: 'heading', text: t('console.directory') },
    ...(problem === null ? [] : [directoryNotice(problem, report?.missing ?? 0, t)]),
    {
      type: 'facts',
      items: [
        { label: t('console.directory_read'), value: finishedAt ? times.dateTime(finishedAt) : t('console.never') },
        { label: t('console.directory_good'), value: succeededAt ? times.dateTime(succeededAt) : t('console.never') },
        ...(report ? facts : []),
      ],
    },
    ...(report && report.problems.length > 0
      ? ([
          {
            type: 'table',
            caption: t('console.directory_problems'),
            columns: [t('console.email'), t('console.why')],
            empty: '',
            rows: report.problems.map(({ email, code }) => [
              { text: email },
              { text: refusalInWords(t, { code: code as RefusalCode }, 'console.try_later') },
            ]),
          },
        ] satisfies Block[])
      : []),
  ];
}

/** What is wrong with reading the directory, and what to do. */
export const directoryNotice = (problem: string, missing: number, t: Translate): Block => ({
  type: 'notice',
  tone: 'bad',
  text:
    problem === 'too_many_missing'
      ? t('console.directory_many', { count: missing })
      : t(problem === 'directory_unreachable' ? 'console.directory_unreachable' : 'console.directory_fault'),
});
