import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignInView } from '../flow/sign-in.ts';
import type { SignInEnd } from '../flow/sign-in-end.ts';
import type { Interactions } from '../oidc/interactions.ts';
import { clearBindingCookie } from './binding-cookie.ts';

export interface CompletingNeeds {
  readonly interactions: Interactions;
  readonly signInEnd: SignInEnd;
  readonly bindingCookie: { readonly name: string; readonly isSecure: boolean };
}

export interface Completing {
  /** Enough was shown: back to the web app. Otherwise to where the sign-in stands. */
  complete(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
  /** After one more proof: straight back to the web app where that was the last, without a page between. */
  goOn(request: FastifyRequest, reply: FastifyReply, view: SignInView): Promise<FastifyReply>;
}

/** How a sign-in at our pages ends where it ends well. */
export function createCompleting(n: CompletingNeeds): Completing {
  const complete: Completing['complete'] = async (request, reply) => {
    const { paused, view } = request.signIn!;
    if (view.step.step !== 'finish') return reply.redirect(`/interaction/${paused.uid}`, 303);
    const { acr, amr } = view.step.assurance;
    const result = {
      accountId: view.transaction.accountId!,
      acr: acr!,
      amr,
      authTime: view.transaction.authTime ?? new Date(),
    };
    const { pause, path } = await n.interactions.ending(request.raw, paused, result);
    if (!(await n.signInEnd.finished(view, acr ?? '', request.origin, pause)))
      return reply.redirect(`/interaction/${paused.uid}`, 303);
    clearBindingCookie(reply, n.bindingCookie);
    return reply.redirect(await path(), 303);
  };
  return {
    complete,
    async goOn(request, reply, view) {
      const { paused } = request.signIn!;
      const mayAsk = n.signInEnd.mayRemember(view) !== undefined;
      if (view.step.step !== 'finish' || mayAsk) return reply.redirect(`/interaction/${paused.uid}`, 303);
      request.signIn = { paused, view };
      return complete(request, reply);
    },
  };
}
