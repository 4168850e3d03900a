import { accentProblem, LARGEST_LOGO_BYTES, logoFrom, type Support } from '../core/branding.ts';
import type { Clock } from '../core/clock.ts';
import { type Mistake, mistake } from '../core/mistakes.ts';
import {
  COLOUR,
  LONGEST_ORGANISATION,
  LONGEST_SUPPORT,
  NO_NAME,
  type Organisation,
  type OrganisationPart,
  TELEPHONE,
} from '../core/organisation.ts';
import type { KeptOrganisation, OrganisationStore } from '../store/organisation.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';

/** As somebody fills it in: empty is not set. */
export interface OrganisationWishes {
  readonly name: string;
  readonly supportName: string;
  readonly supportPhone: string;
  readonly supportHours: string;
  readonly accent: string;
  /** A picture's bytes; `keep` the one that is there. */
  readonly logo: Buffer | 'keep' | 'none';
}

export type MentionedWishes = { readonly [Field in keyof OrganisationWishes]?: OrganisationWishes[Field] | undefined };

/** As it is now. */
export const wishesOf = ({ name, support, accent }: Organisation): OrganisationWishes => ({
  name: name === NO_NAME ? '' : name,
  supportName: support?.name ?? '',
  supportPhone: support?.phone ?? '',
  supportHours: support?.hours ?? '',
  accent: accent ?? '',
  logo: 'keep',
});

export interface OrganisationAdministration {
  /** The same object for ever; what it says changes. */
  readonly organisation: Organisation;
  /** Set in the environment, which wins: what somebody fills in for these is not looked at. */
  readonly fixed: ReadonlySet<OrganisationPart>;
  /** Reads it again: at the start, and when another instance changed it (signal `organisation`). */
  read(): Promise<void>;
  /** What is not mentioned stays. @returns what is wrong, each with its field; empty where it is done */
  change(mentioned: MentionedWishes, by: Actor): Promise<readonly Mistake[]>;
}

export interface OrganisationNeeds {
  organisationStore: OrganisationStore;
  audit: Audit;
  clock: Clock;
  /** What the environment says. */
  environment: { readonly [Part in OrganisationPart]: Organisation[Part] | undefined };
}

export function createOrganisation(n: OrganisationNeeds): OrganisationAdministration {
  const { environment } = n;
  const fixed = new Set((Object.keys(environment) as OrganisationPart[]).filter((part) => environment[part]));
  let kept: KeptOrganisation = {};
  const organisation: Organisation = {
    get name() {
      return environment.name ?? kept.name ?? NO_NAME;
    },
    get support() {
      return environment.support ?? kept.support;
    },
    get logo() {
      return environment.logo ?? kept.logo;
    },
    get accent() {
      return environment.accent ?? kept.accent;
    },
  };
  const read = async (): Promise<void> => {
    kept = await n.organisationStore.read();
  };
  return {
    organisation,
    fixed,
    read,
    async change(mentioned, by) {
      const said = Object.entries(mentioned).filter(([, value]) => value !== undefined);
      const wishes: OrganisationWishes = { ...wishesOf(organisation), ...Object.fromEntries(said) };
      const mistakes = mistakesIn(wishes, fixed);
      if (mistakes.length > 0) return mistakes;
      const next = keptFrom(wishes, await n.organisationStore.read(), fixed);
      const { name, support, accent, logo } = next;
      await n.audit(
        {
          action: 'organisation.changed',
          object: 'organisation',
          result: 'success',
          ...doneBy(by),
          detail: { name, support, accent, logo: logo && { type: logo.type, bytes: logo.body.length } },
        },
        n.organisationStore.replacing(next, n.clock.now()),
      );
      await read();
      return [];
    },
  };
}

/** Line ends and what turns text around: in the head of each page, nobody would know what they read. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;

function mistakesIn(wishes: OrganisationWishes, fixed: ReadonlySet<OrganisationPart>): Mistake[] {
  const found: Mistake[] = [];
  const look = (field: Exclude<keyof OrganisationWishes, 'logo'>, most: number): void => {
    const text = wishes[field];
    if (text.length > most) found.push(mistake('text_too_long', { most }, field));
    else if (UNSEEN.test(text)) found.push(mistake('text_odd', {}, field));
  };
  if (!fixed.has('name')) look('name', LONGEST_ORGANISATION);
  if (!fixed.has('support')) {
    const { supportName, supportPhone, supportHours } = wishes;
    look('supportName', LONGEST_SUPPORT.name);
    look('supportHours', LONGEST_SUPPORT.hours);
    if (supportPhone && !TELEPHONE.test(supportPhone)) found.push(mistake('telephone_invalid', {}, 'supportPhone'));
    if ((supportPhone || supportHours) && !supportName) found.push(mistake('support_unnamed', {}, 'supportName'));
  }
  if (!fixed.has('accent') && wishes.accent) {
    if (!COLOUR.test(wishes.accent)) found.push(mistake('colour_invalid', {}, 'accent'));
    else {
      const problem = accentProblem(wishes.accent);
      if (problem) found.push(mistake('colour_unreadable', problem, 'accent'));
    }
  }
  if (!fixed.has('logo') && typeof wishes.logo === 'object') {
    const logo = logoFrom(wishes.logo);
    if (typeof logo === 'string') found.push(mistake(logo, { most: LARGEST_LOGO_BYTES / 1024 }, 'file'));
  }
  return found;
}

/** What is set in the environment keeps what was set here before. */
function keptFrom(
  wishes: OrganisationWishes,
  before: KeptOrganisation,
  fixed: ReadonlySet<OrganisationPart>,
): KeptOrganisation {
  const support: Support | undefined = wishes.supportName
    ? { name: wishes.supportName, phone: wishes.supportPhone || null, hours: wishes.supportHours || null }
    : undefined;
  const logo = typeof wishes.logo === 'object' ? logoFrom(wishes.logo) : undefined;
  const wished: KeptOrganisation = {
    name: wishes.name || undefined,
    support,
    accent: wishes.accent.toLowerCase() || undefined,
    logo: wishes.logo === 'keep' ? before.logo : typeof logo === 'object' ? logo : undefined,
  };
  return Object.assign(wished, Object.fromEntries([...fixed].map((part) => [part, before[part]])));
}
