import type { IncomingMessage } from 'node:http';

/** The pages that the library shows by itself, drawn by us. */
export interface OidcPages {
  /** `form` is the library's, with its protection against forgery; it is submitted by a button outside of it. */
  signOut(request: IncomingMessage, page: { formId: string; form: string; client: string | undefined }): string;
  signedOut(request: IncomingMessage, page: { client: string | undefined }): string;
  /** `name`: the library's class of the error; `error`: OAuth's word. */
  error(
    request: IncomingMessage,
    page: { error: string; name: string; client: string | undefined; reference: string },
  ): string;
  /** Nothing is at this address. */
  notFound(request: IncomingMessage): string;
  /** Where the code that a device shows is typed. */
  deviceCode(
    request: IncomingMessage,
    page: { xsrf: string; typed: string; problem: DeviceProblem | undefined },
  ): string;
  /** Who asks, before anybody goes on. */
  deviceConfirm(
    request: IncomingMessage,
    page: { xsrf: string; userCode: string; shownCode: string; client: string; ip: string; userAgent: string },
  ): string;
  deviceDone(request: IncomingMessage, page: { client: string }): string;
}

export type DeviceProblem = 'missing' | 'wrong' | 'expired' | 'used' | 'stopped' | 'wait' | 'failed';
