import { ACR_MFA } from '../core/assurance.ts';
import type { SignInRequest } from '../flow/sign-in.ts';
import type { OidcPayload } from '../store/oidc-payloads.ts';
import { requestedAcrs } from './requested-acrs.ts';

/** Who asks for a sign-in, and for how strong a one, by a pause as oidc-provider keeps it. */
export function askedBy(pause: OidcPayload): Pick<SignInRequest, 'clientId' | 'prompt' | 'requestedAcrs'> {
  const {
    params = {},
    prompt,
    deviceCode,
  } = pause as {
    params?: Record<string, unknown>;
    prompt?: { name?: string };
    deviceCode?: string;
  };
  const { values } = requestedAcrs(params);
  return {
    clientId: typeof params.client_id === 'string' ? params.client_id : '',
    prompt: prompt?.name === 'mfa' ? 'mfa' : 'login',
    // For a device the second factor is proven now, whatever this browser has shown before.
    requestedAcrs: deviceCode === undefined ? values : [ACR_MFA, ...values],
  };
}
