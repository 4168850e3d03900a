import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { LARGEST_LOGO_BYTES } from '../../core/branding.ts';
import { LONGEST_ORGANISATION, LONGEST_SUPPORT, type OrganisationPart } from '../../core/organisation.ts';
import { type OrganisationAdministration, type OrganisationWishes, wishesOf } from '../../flow/organisation.ts';
import { text } from '../text.ts';
import { type FormMistake, formMistakes } from '../wording.ts';
import type { Block, Field } from './blocks.ts';
import { goAndSay, START_PATH, showConsole, takeDraft } from './show.ts';
import { takeUploads, type Upload } from './upload.ts';

export interface OrganisationPagesNeeds {
  readonly organising: OrganisationAdministration;
}

export const ORGANISATION_PATH = '/admin/organisation';
/** Larger pictures are read no further; they are refused in words. */
const LARGEST_BODY = 20 * 1024 * 1024;

const form = z.looseObject({
  name: text(1000).default(''),
  supportName: text(1000).default(''),
  supportPhone: text(1000).default(''),
  supportHours: text(1000).default(''),
  accent: text(1000).default(''),
  withoutLogo: z.literal('yes').optional(),
  next: z.enum(['', 'start']).default(''),
  fileName: text(300).default(''),
});
type Typed = Omit<OrganisationWishes, 'logo'>;

/** How people meet the organisation: its name, its look, and whom they may ask. */
export const organisationPages: FastifyPluginAsyncZod<OrganisationPagesNeeds> = async (app, { organising }) => {
  takeUploads(app);
  const config = { guard: 'console', permission: 'settings:write', isDangerous: true } as const;
  const show = (request: FastifyRequest, reply: FastifyReply, blocks: readonly Block[]) =>
    showConsole(request, reply, {
      title: request.t('console.organisation'),
      here: 'settings',
      back: { path: '/admin/settings', text: request.t('console.part_settings') },
      blocks,
    });

  app.get(ORGANISATION_PATH, { config }, async (request, reply) => {
    const { next, ...draft } = takeDraft(request);
    const values: Typed = { ...wishesOf(organising.organisation), ...draft };
    return show(request, reply, organisationForm(request, organising, next === 'start' ? 'start' : '', values));
  });

  app.post(ORGANISATION_PATH, { config, bodyLimit: LARGEST_BODY, schema: { body: form } }, async (request, reply) => {
    const { t } = request;
    const { file, fileName, withoutLogo, next, ...rest } = request.body as unknown as z.infer<typeof form> & Upload;
    const typed: Typed = {
      name: rest.name.trim(),
      supportName: rest.supportName.trim(),
      supportPhone: rest.supportPhone.trim(),
      supportHours: rest.supportHours.trim(),
      accent: rest.accent.trim(),
    };
    const picture = fileName && file ? await beginningOf(file) : undefined;
    const logo = picture ?? (withoutLogo ? 'none' : 'keep');
    const mistakes = await organising.change({ ...typed, logo }, request.console!.by);
    if (mistakes.length > 0)
      return show(request, reply, organisationForm(request, organising, next, typed, formMistakes(t, mistakes)));
    return goAndSay(request, reply, next === 'start' ? START_PATH : ORGANISATION_PATH, t('console.said_organisation'));
  });
};

/** As much of a file as shows that it is too large. */
async function beginningOf(file: Upload['file']): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of file.iterator({ destroyOnReturn: false })) {
    parts.push(part as Buffer);
    size += (part as Buffer).length;
    if (size > LARGEST_LOGO_BYTES) break;
  }
  return Buffer.concat(parts);
}

/** Which settings of the environment stand in its place. */
const SETTINGS: Readonly<Record<OrganisationPart, string>> = {
  name: 'ORGANISATION',
  support: 'SUPPORT',
  accent: 'ACCENT_COLOUR',
  logo: 'LOGO_FILE',
};

/** @param next where to go on; the list of first steps, or here again */
export function organisationForm(
  { t }: FastifyRequest,
  { organisation, fixed }: OrganisationAdministration,
  next: '' | 'start' = '',
  values: Typed = wishesOf(organisation),
  mistakes: readonly FormMistake[] = [],
): Block[] {
  const fields: (Field & { readonly part: OrganisationPart })[] = [
    {
      part: 'name',
      name: 'name',
      label: t('console.organisation_name'),
      hint: t('console.organisation_name_hint'),
      kind: 'text',
      value: values.name,
      longest: LONGEST_ORGANISATION,
    },
    {
      part: 'support',
      name: 'supportName',
      label: t('console.organisation_support'),
      hint: t('console.organisation_support_hint'),
      kind: 'text',
      value: values.supportName,
      longest: LONGEST_SUPPORT.name,
    },
    {
      part: 'support',
      name: 'supportPhone',
      label: t('console.organisation_phone'),
      kind: 'text',
      value: values.supportPhone,
      longest: 30,
    },
    {
      part: 'support',
      name: 'supportHours',
      label: t('console.organisation_hours'),
      hint: t('console.organisation_hours_hint'),
      kind: 'text',
      value: values.supportHours,
      longest: LONGEST_SUPPORT.hours,
    },
    {
      part: 'accent',
      name: 'accent',
      label: t('console.organisation_accent'),
      hint: t('console.organisation_accent_hint'),
      kind: 'text',
      value: values.accent,
      longest: 7,
      isCode: true,
    },
    ...(organisation.logo
      ? [
          {
            part: 'logo',
            name: 'withoutLogo',
            label: t('console.organisation_no_logo'),
            kind: 'checkbox',
            value: '',
          } as const,
        ]
      : []),
    // Last: whatever stands after the file is not read before it.
    {
      part: 'logo',
      name: 'file',
      label: t('console.organisation_logo'),
      hint: t('console.organisation_logo_hint', { most: LARGEST_LOGO_BYTES / 1024 }),
      kind: 'file',
      value: '',
      accepts: '.svg,.png,.webp,image/svg+xml,image/png,image/webp',
    },
  ];
  const open = fields.filter(({ part }) => !fixed.has(part)).map(({ part: _, ...field }) => field);
  return [
    ...(fixed.size > 0
      ? [
          {
            type: 'notice',
            tone: 'note',
            text: t('console.organisation_fixed', { settings: [...fixed].map((part) => SETTINGS[part]).join(', ') }),
          } as const,
        ]
      : []),
    ...(open.length > 0
      ? [
          {
            type: 'form',
            action: ORGANISATION_PATH,
            hidden: { next },
            submit: t('account.save'),
            hasFile: true,
            mistakes,
            fields: open,
          } as const,
        ]
      : []),
  ];
}
