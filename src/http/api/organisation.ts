import { z } from 'zod';
import { CHECKUP_PARTS, type Finding } from '../../core/checkup.ts';
import type { OrganisationPart } from '../../core/organisation.ts';
import type { OrganisationAdministration } from '../../flow/organisation.ts';
import { mistakeInEnglish } from '../../i18n/mistakes.ts';
import type { Translate } from '../../i18n/translate.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';

const PARTS = ['name', 'support', 'logo', 'accent'] as const satisfies readonly OrganisationPart[];

const shown = z
  .strictObject({
    name: z.string(),
    support: z
      .strictObject({ name: z.string(), phone: z.string().nullable(), hours: z.string().nullable() })
      .nullable()
      .describe('Whom people may ask for help.'),
    accent: z.string().nullable().describe('`#rrggbb`; null for ours.'),
    hasLogo: z.boolean().describe('It is set in the console, on the command line or in the environment.'),
    fixed: z.array(z.enum(PARTS)).describe('Set in the environment, which wins: changes of these count for nothing.'),
  })
  .meta({ id: 'Organisation' });

/** How people meet the organisation, and whether its server is well. */
export const organisationEndpoints = (n: {
  organising: OrganisationAdministration;
  checkUp: () => Promise<Finding[]>;
  t: Translate;
}): readonly Endpoint[] => {
  const now = (): z.infer<typeof shown> => {
    const { name, support, accent, logo } = n.organising.organisation;
    return {
      name,
      support: support ? { ...support } : null,
      accent: accent ?? null,
      hasLogo: logo !== undefined,
      fixed: PARTS.filter((part) => n.organising.fixed.has(part)),
    };
  };
  return [
    endpoint({
      method: 'GET',
      path: '/organisation',
      id: 'getOrganisation',
      tag: 'settings',
      summary: 'How people meet the organisation',
      permission: 'settings:read',
      answers: { 200: shown },
      run: async () => ({ value: now() }),
    }),
    endpoint({
      method: 'PATCH',
      path: '/organisation',
      id: 'changeOrganisation',
      tag: 'settings',
      summary: 'Changes the name, the colour, or whom people may ask',
      description: 'What is not mentioned stays; an empty text takes away what is there.',
      permission: 'settings:write',
      isDangerous: true,
      body: z.strictObject({
        name: text(1000).optional(),
        supportName: text(1000).optional(),
        supportPhone: text(1000).optional(),
        supportHours: text(1000).optional(),
        accent: text(1000).optional(),
      }),
      answers: { 200: shown },
      async run({ body, by }) {
        const mistakes = await n.organising.change(body, by);
        if (mistakes.length === 0) return { value: now() };
        return {
          problem: {
            status: 422,
            code: 'organisation_refused',
            detail: mistakes.map(mistakeInEnglish).join(' '),
            errors: mistakes.map((each) => ({ path: each.field ?? '', message: mistakeInEnglish(each) })),
          },
        };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/checkup',
      id: 'checkUp',
      tag: 'settings',
      summary: 'Looks at everything that this installation depends on, as the doctor on the command line does',
      permission: 'settings:read',
      answers: {
        200: z.strictObject({
          items: z.array(
            z.strictObject({
              level: z.enum(['ok', 'hint', 'bad']),
              part: z.enum(CHECKUP_PARTS),
              name: z.string(),
              text: z.string().describe('How it is; where it is not well, what to do.'),
            }),
          ),
        }),
      },
      async run() {
        const findings = await n.checkUp();
        return {
          value: {
            items: findings.map(({ level, part, name, facts }) => ({
              level,
              part,
              name,
              text: n.t(`checkup.${name}`, facts),
            })),
          },
        };
      },
    }),
  ];
};
