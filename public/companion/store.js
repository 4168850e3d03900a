// The phone's memory: IndexedDB, which can hold a private key that nobody can read out.
const open = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open('dubbelslot', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('accounts', { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let database;

async function inTransaction(mode, work) {
  database ??= open();
  const db = await database;
  return new Promise((resolve, reject) => {
    const transaction = db.transaction('accounts', mode);
    const request = work(transaction.objectStore('accounts'));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

/**
 * An account on this phone: `{ id, email, displayName, organisation, label, state, isPushFrozen, vapidPublicKey,
 * keys: { privateKey: CryptoKey, publicJwk }, codeKey: CryptoKey, endpoint, isRevoked, addedAt }`; `id` is the key's thumbprint.
 */
export const allAccounts = () => inTransaction('readonly', (store) => store.getAll());
/** Changes some fields of an account that is still there, in one transaction: nobody's change is written over. */
export const patchAccount = (id, changes) =>
  inTransaction('readwrite', (store) => {
    const request = store.get(id);
    request.onsuccess = () => {
      if (request.result) store.put({ ...request.result, ...changes });
    };
    return request;
  });
export const putAccount = (account) => inTransaction('readwrite', (store) => store.put(account));
export const removeAccount = (id) => inTransaction('readwrite', (store) => store.delete(id));
