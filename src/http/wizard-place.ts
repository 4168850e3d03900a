import type { BindingView } from '../flow/binding.ts';

/** Where somebody who needs longer asks for it. */
export const MORE_TIME_PATH = '/mfa/setup/more-time';

/** Where an enrolment goes on; undefined while nothing is bound in it yet, and every way is open. */
export function placeOf({ session, authenticator }: BindingView): string | undefined {
  if (session.state === 'tested') return '/mfa/setup/done';
  if (session.state !== 'bound') return undefined;
  if (authenticator?.kind === 'webauthn') return '/mfa/setup/key/test';
  return authenticator?.kind === 'store_app' ? '/mfa/setup/store-app/test' : '/mfa/setup/scan';
}
