// The accounts on this phone, kept in step with the server.
import { call, listen, serverSeconds } from './api.js';
import { importCodeKey, makeAnswer, makeKeys, makeTransfer } from './crypto.js';
import { canGate, closeGate, passGate } from './gate.js';
import { subscriptionFor } from './push.js';
import { allAccounts, patchAccount, putAccount, removeAccount } from './store.js';

export { allAccounts };

/** Makes a key and binds it with the code; the account is kept only when the server has agreed. */
export async function enrol(code) {
  const keys = await makeKeys();
  const { codeSecret, ...known } = await call(keys, 'POST', '/app/api/enrolments', { code, label: await phoneName() });
  const codeKey = await importCodeKey(codeSecret);
  const { privateKey, publicJwk, thumbprint } = keys;
  const account = { ...known, id: thumbprint, keys: { privateKey, publicJwk }, codeKey, addedAt: Date.now() };
  await putAccount(account);
  // Asks the browser not to clear what we keep. Never awaited: Firefox shows a question and stays pending.
  navigator.storage?.persist?.().catch(() => {});
  return account;
}

async function phoneName() {
  const hints = await navigator.userAgentData?.getHighEntropyValues?.(['model']).catch(() => undefined);
  return hints?.model || undefined;
}

async function change(account, changes) {
  Object.assign(account, changes);
  await patchAccount(account.id, changes);
}

/** Asks the server how the account is doing; notices that it was revoked. */
export async function refresh(account) {
  try {
    await change(account, { ...(await call(account.keys, 'GET', '/app/api/account')), isRevoked: false });
  } catch (error) {
    if (error.code === 'authenticator_unknown') await change(account, { isRevoked: true });
  }
  return account;
}

/** Tells the server where to wake this phone. Subscriptions die silently, so this runs on every open. */
export async function keepSubscription(account, { ask = false } = {}) {
  if (account.isRevoked) return false;
  const subscription = await subscriptionFor(account.vapidPublicKey, {
    ask,
    isDead: account.hasSubscription === false && account.endpoint !== undefined,
  });
  if (!subscription) return false;
  const { endpoint, keys } = subscription.toJSON();
  if (account.endpoint === endpoint && account.hasSubscription) return true;
  await call(account.keys, 'PUT', '/app/api/subscription', { endpoint, keys });
  await change(account, { endpoint, hasSubscription: true });
  return true;
}

/** What waits for an answer, for all accounts: `{ account, challenge }`. */
export async function openChallenges() {
  const accounts = (await allAccounts()).filter(({ isRevoked }) => !isRevoked);
  const lists = await Promise.allSettled(
    accounts.map(async (account) =>
      (await call(account.keys, 'GET', '/app/api/challenges')).challenges.map((challenge) => ({ account, challenge })),
    ),
  );
  const failed = lists.find(({ status }) => status === 'rejected');
  if (failed && lists.every(({ status }) => status === 'rejected')) throw failed.reason;
  return lists.flatMap(({ value }) => value ?? []);
}

export const challenge = (account, id) => call(account.keys, 'GET', `/app/api/challenges/${encodeURIComponent(id)}`);
export const history = async (account) => (await call(account.keys, 'GET', '/app/api/history')).challenges;

/** The challenge of a code that was scanned, for whichever account it is. */
export async function challengeByCode(code) {
  let refused;
  for (const account of await allAccounts()) {
    try {
      return { account, challenge: await call(account.keys, 'POST', '/app/api/challenges/lookup', { code }) };
    } catch (error) {
      refused = error;
    }
  }
  throw refused ?? Object.assign(new Error('no account'), { code: 'challenge_unknown' });
}

/** Signs and sends an answer; an approval passes the phone's own passkey first, where the account has one. */
export async function answer(account, asked, decision, match) {
  const jws = await makeAnswer(account, asked, decision, match, serverSeconds());
  const assertion = account.gateId && decision === 'approve' ? await passGate(account.gateId, jws) : undefined;
  return call(account.keys, 'POST', `/app/api/challenges/${encodeURIComponent(asked.id)}/answer`, {
    answer: jws,
    assertion,
  });
}

/** Whether the phone could check its user for this account, and does not yet. */
export const mayGate = async (account) => !account.hasGate && !account.isRevoked && (await canGate());

export async function gate(account) {
  // Kept before the server hears of it: an answer that is lost on the way must not lock the phone out.
  await closeGate(account, (gateId) => change(account, { gateId }));
  await change(account, { hasGate: true });
}

/** Begins to hand the account to another phone. */
export const startTransfer = (account) => call(account.keys, 'POST', '/app/api/transfer');
export const transferOf = async (account) => (await call(account.keys, 'GET', '/app/api/transfer')).transfer;
export const cancelTransfer = (account) => call(account.keys, 'DELETE', '/app/api/transfer');

/** Approves the new phone: this one's key ends, and the account goes from it. */
export async function approveTransfer(account, { id, newPhone }) {
  const answer = await makeTransfer(account, id, newPhone.thumbprint, serverSeconds());
  const assertion = account.gateId ? await passGate(account.gateId, answer) : undefined;
  await call(account.keys, 'POST', '/app/api/transfer/approval', { answer, assertion });
  await removeAccount(account.id);
}

/** Forgets an account. The server is told if it can be reached; the key is gone either way. */
export async function forget(account) {
  await call(account.keys, 'DELETE', '/app/api/account').catch((error) => {
    if (error.code === 'offline') throw error;
  });
  await removeAccount(account.id);
}

export const listenFor = (account, signal, onEvent) => listen(account.keys, '/app/api/events', signal, onEvent);
