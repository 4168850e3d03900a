import type { ImportColumn } from './import-reader.ts';

/**
 * What somebody used at Microsoft Entra, as a group here: who has an app on a phone, a key or passkey, codes only, a
 * telephone call or SMS only, or nothing. Whoever imports the report again moves people between these, and no others.
 */
export const ENTRA_GROUPS = ['entra-app', 'entra-key', 'entra-code', 'entra-phone', 'entra-none'] as const;
export type EntraGroup = (typeof ENTRA_GROUPS)[number];

/** By the names of Microsoft Graph's `userRegistrationDetails`, and of tables made of it: letters only, in lower case. */
const COLUMNS: Readonly<Record<string, ImportColumn>> = {
  userprincipalname: 'email',
  userdisplayname: 'name',
  usertype: 'entra_user_type',
  methodsregistered: 'entra_methods',
};

const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');

/** The columns of a registration report, as an import calls them; undefined where a file is none. */
export function entraColumns(names: readonly string[]): readonly ImportColumn[] | undefined {
  const columns = names.map((name) => COLUMNS[letters(name)] ?? 'entra_other');
  return columns.includes('email') && columns.includes('entra_methods') ? columns : undefined;
}

/**
 * Strongest first, but for the app: somebody with an app on a phone enrols here the way most people do, and so does
 * whoever comes here from Entra already, by an external method.
 */
const KINDS: readonly (readonly [EntraGroup, RegExp])[] = [
  ['entra-app', /^(?!passkey|thirdparty).*authenticator(?!.*code)|^appnotification|passwordlessphone|^external/],
  ['entra-key', /^passkey|^fido|hello|secureenclave|certificate/],
  ['entra-code', /passcode|appcode|oath|token|thirdparty.*authenticator|authenticator.*code/],
  ['entra-phone', /^(?!.*passwordless).*phone|sms|call|voice/],
];

/** @param cell what stands under `methodsRegistered`; undefined where a table was made without looking into lists */
export function entraGroupOf(cell: string): EntraGroup | undefined {
  if (/^system\.\w+(\[\])?$/i.test(cell.trim())) return undefined;
  const methods = cell.split(/[,;|]/).map(letters).filter(Boolean);
  return KINDS.find(([, kind]) => methods.some((method) => kind.test(method)))?.[0] ?? 'entra-none';
}

/** Somebody of another organisation, who signs in there. */
export const isEntraGuest = (userType: string | undefined): boolean => letters(userType ?? '') === 'guest';

/** Somebody's groups, with the one that the report says. */
export function withEntraGroup(groups: readonly string[], group: EntraGroup): string[] {
  const kept = groups.filter((each) => each === group || !ENTRA_GROUPS.some((known) => known === each));
  return kept.includes(group) ? kept : [...kept, group];
}
