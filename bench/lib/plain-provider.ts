/**
 * oidc-provider alone: its adapter in memory, its pages for developers, no password hash, no second factor, nothing kept. What
 * the protocol itself costs. `node bench/lib/plain-provider.ts <port> <redirect URI>`
 */
import { Provider } from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2) as [string, string];
console.info = () => {};
console.warn = () => {};
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'web',
      client_secret: 'a secret of the bench and of nobody else',
      redirect_uris: [redirectUri],
    },
  ],
  cookies: { keys: ['a key of the bench'] },
  claims: { openid: ['sub', 'auth_time'], email: ['email'] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  pkce: { required: () => true },
});
process.on('disconnect', () => process.exit());
provider.listen(Number(port), () => process.send?.('serves'));
