import { totpCode } from '../../tests/support/totp.ts';
import type { Browser } from './browser.ts';
import { answer } from './passkey.ts';
import type { Person } from './people.ts';

/** One form on the way through a provider's pages: how its address ends (a regular expression), and what is typed into it. */
export interface FormStep {
  readonly action: string;
  /** Field names, and what of the person goes into each; other text as it is. */
  readonly fields: Readonly<Record<string, 'email' | 'password' | 'code' | 'passkey' | (string & {})>>;
}

/** What has to be known of an OpenID provider to sign in there: its forms, and what its ID token says. */
export interface Forms {
  readonly steps: readonly FormStep[];
  /** The `acr` that an ID token must have; null where it says none. */
  readonly acr: string | null;
}

export const DUBBELSLOT: Forms = {
  steps: [
    { action: '/password', fields: { email: 'email', password: 'password' } },
    { action: '/code', fields: { code: 'code' } },
  ],
  acr: 'urn:dubbelslot:acr:mfa',
};

/** A passkey and nothing else. */
export const DUBBELSLOT_PASSKEY: Forms = {
  steps: [{ action: '/passkey', fields: { response: 'passkey' } }],
  acr: 'urn:dubbelslot:acr:phr',
};

/** oidc-provider's own pages for developers: any name and password, then consent. */
export const PLAIN_LIBRARY: Forms = {
  steps: [
    { action: '/interaction/[\\w-]+', fields: { login: 'email', password: 'password' } },
    { action: '/interaction/[\\w-]+', fields: {} },
  ],
  acr: null,
};

/** Opens a sign-in and sends each form in turn. @returns where the browser is then: at an address that begins with `stopAt`, where all went well */
export async function fillIn(
  { steps }: Forms,
  browser: Browser,
  person: Person,
  url: string,
  stopAt: string,
): Promise<string> {
  let landed = await browser.open(url, stopAt);
  const typed: Record<string, () => string> = {
    email: () => person.email,
    password: () => person.password,
    code: () => totpCode(person.totp, new Date()),
    passkey: () => {
      const challenge = /challenge&quot;:&quot;([\w-]+)/.exec(browser.page.body)?.[1] ?? '';
      return answer(person.passkey!, person.accountId, challenge, new URL(browser.url).origin);
    },
  };
  for (const { action, fields } of steps) {
    const values = Object.entries(fields).map(([name, what]) => [name, typed[what]?.() ?? what]);
    landed = await browser.submit(action, Object.fromEntries(values), stopAt);
  }
  return landed;
}
