import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CallerCheck } from '../../flow/caller-check.ts';
import type { People } from '../../flow/people.ts';
import type { Waiting } from '../../flow/waiting.ts';
import type { EventStreams } from '../event-stream.ts';
import { tokenText } from '../text.ts';
import { refusalInWords, spokenNumber } from '../wording.ts';
import { personPath } from './people.ts';
import { goAndSay, showConsole, showUnknown } from './show.ts';

export interface CallerPagesNeeds {
  readonly people: People;
  readonly callerCheck: CallerCheck;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
}

const params = z.object({ id: z.uuid() });

/** Makes sure who is on the line: a number read out, and a push to the phone they still hold. */
export const callerPages: FastifyPluginAsyncZod<CallerPagesNeeds> = async (app, n) => {
  const verifying = { guard: 'console', permission: 'callers:verify' } as const;
  app.get('/admin/people/:id/verify', { config: verifying, schema: { params } }, async (request, reply) => {
    const { t } = request;
    const view = await n.people.look(request.params.id);
    if (!view) return showUnknown(request, reply, 'console.person_unknown');
    const { account } = view;
    return showConsole(request, reply, {
      title: t('console.verify_title', { name: account.displayName }),
      here: 'people',
      back: { path: personPath(account), text: account.displayName },
      blocks: [
        { type: 'text', text: t('console.verify_text') },
        {
          type: 'form',
          action: `${personPath(account)}/verify`,
          submit: t('console.verify_start'),
          cancel: { path: personPath(account), text: t('common.cancel') },
          fields: [],
        },
      ],
    });
  });

  app.post('/admin/people/:id/verify', { config: verifying, schema: { params } }, async (request, reply) => {
    const { t } = request;
    const { id } = request.params;
    const started = await n.callerCheck.start(id, request.console!.by);
    if (!started.ok)
      return goAndSay(
        request,
        reply,
        `/admin/people/${id}`,
        refusalInWords(t, started.refusal, 'console.try_later'),
        'bad',
      );
    request.session.callerNumber = { challengeId: started.value.challengeId, number: started.value.number };
    return reply.redirect(`/admin/people/${id}/verify/${started.value.challengeId}`, 303);
  });

  const checkParams = z.object({ id: z.uuid(), challengeId: tokenText(64) });
  app.get(
    '/admin/people/:id/verify/:challengeId',
    { config: verifying, schema: { params: checkParams } },
    async (request, reply) => {
      const { t, session } = request;
      const { id, challengeId } = request.params;
      const view = await n.people.look(id);
      if (!view) return showUnknown(request, reply, 'console.person_unknown');
      const { account } = view;
      const state = await n.callerCheck.look(challengeId, request.console!.by);
      const here = `${personPath(account)}/verify/${challengeId}`;
      const number = session.callerNumber?.challengeId === challengeId ? session.callerNumber.number : '';
      const common = {
        here: 'people',
        back: { path: personPath(account), text: account.displayName },
      } as const;
      if (state === 'waiting') {
        return showConsole(request, reply, {
          ...common,
          title: t('console.verify_title', { name: account.displayName }),
          waiting: { eventsPath: `${here}/events`, herePath: here },
          blocks: [
            {
              type: 'number',
              label: t('console.verify_read_out'),
              value: number,
              spoken: spokenNumber(number),
              hint: t('console.verify_waiting'),
            },
          ],
        });
      }
      delete session.callerNumber;
      const isGood = state === 'verified' && (await n.callerCheck.wasVerified(challengeId, id, request.console!.by));
      return showConsole(request, reply, {
        ...common,
        title: t(isGood ? 'console.verified_title' : 'console.not_verified_title'),
        blocks: [
          {
            type: 'notice',
            tone: isGood ? 'good' : 'bad',
            text: t(isGood ? 'console.caller_verified' : `console.caller_${state === 'verified' ? 'expired' : state}`),
          },
          {
            type: 'links',
            items: isGood
              ? [
                  {
                    path: `${personPath(account)}/reset?check=${challengeId}`,
                    text: t('console.reset'),
                    tone: '' as const,
                  },
                  { path: `${personPath(account)}/pass?check=${challengeId}`, text: t('console.pass') },
                ]
              : [{ path: `${personPath(account)}/verify`, text: t('console.verify_again') }],
          },
        ],
      });
    },
  );

  app.get(
    '/admin/people/:id/verify/:challengeId/events',
    { config: { ...verifying, kind: 'json' }, schema: { params: checkParams } },
    async (request, reply) => {
      const { challengeId } = request.params;
      n.streams.open(reply, `console:${request.session.signedIn?.opUid}`, (send, end) =>
        n.waiting.forChallenge(challengeId, () => {
          send('changed');
          end();
        }),
      );
      return reply;
    },
  );
};
