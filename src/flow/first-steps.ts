import { NO_NAME, type Organisation } from '../core/organisation.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { Clients } from '../store/clients.ts';
import type { Notify } from './notices.ts';

/** What an installation needs before the first hundred people come, in the order in which it is done. */
export const FIRST_STEPS = ['key', 'organisation', 'mail', 'second_owner', 'web_app', 'people'] as const;
export type FirstStep = (typeof FIRST_STEPS)[number];

export interface FirstSteps {
  /**
   * In order; all done: there is nothing to show any more.
   * @param people who may sign in: whoever shows this has counted them
   */
  list(visitor: Account, people: number): Promise<readonly { readonly step: FirstStep; readonly isDone: boolean }[]>;
  /** Sends somebody a mail, to see that it comes. */
  tryMail(visitor: Account): Promise<void>;
}

export interface FirstStepsNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  clients: Clients;
  notify: Notify;
  organisation: Organisation;
  /** A mail server is set. */
  sendsMail: boolean;
}

export const createFirstSteps = (n: FirstStepsNeeds): FirstSteps => ({
  async list(visitor, people) {
    const [mine, owners, clients, administering] = await Promise.all([
      n.authenticators.ofAccount(visitor.id),
      n.accounts.countWithRole('owner'),
      n.clients.list(),
      n.accounts.withRole(['owner', 'administrator', 'helpdesk', 'auditor']),
    ]);
    const isDone: Readonly<Record<FirstStep, boolean>> = {
      key: mine.some(({ kind, state }) => kind === 'webauthn' && state === 'active'),
      organisation: n.organisation.name !== NO_NAME && n.organisation.support !== undefined,
      mail: n.sendsMail,
      second_owner: owners > 1,
      web_app: clients.length > 0,
      people: people > administering.length,
    };
    return FIRST_STEPS.map((step) => ({ step, isDone: isDone[step] }));
  },
  tryMail: (visitor) => n.notify(visitor, { kind: 'mail_test' }),
});
