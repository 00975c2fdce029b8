// A certified OpenID provider (the oidc-provider package) on loopback TLS: node provider.mjs MODULE CERTIFICATE KEY REDIRECT
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { pathToFileURL } from 'node:url';

const [module, cert, key, redirect] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(module));
const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'nephoscope', client_secret: 'the secret of+the client', redirect_uris: [redirect],
      post_logout_redirect_uris: [new URL('/sign-in', redirect).href], grant_types: ['authorization_code'], response_types: ['code'],
    }],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: id, preferred_username: id, email: `${id}@example.org`, email_verified: true, groups: ['people'] }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
