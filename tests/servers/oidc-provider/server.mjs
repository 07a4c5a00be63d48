// An OpenID provider on 127.0.0.1. `node server.mjs REDIRECT_URI [slim]` prints its address; `slim` leaves everything but
// `sub` out of ID tokens, so that the rest has to be asked for. It ends when its standard input does.
import http from 'node:http';
import Provider from 'oidc-provider';

const [redirectUri, slim] = process.argv.slice(2);

const accounts = {
  ann: { name: 'Ann Lee', email: 'ann@acme.example', email_verified: true, preferred_username: 'ann', groups: ['devs', 'ops'] },
  bob: { name: 'Bob', email: 'bob@elsewhere.example', email_verified: true, preferred_username: 'bob', groups: ['sales'] },
  eve: { name: 'Eve', email: 'eve@acme.example', email_verified: false, preferred_username: 'eve', groups: ['devs'] },
  root: { name: 'Root', email: 'root@acme.example', email_verified: true, preferred_username: 'admin', groups: ['devs'] },
};
// What changed of an account since the start: `POST /test/accounts/ID` with the claims.
const changed = {};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients: [{ client_id: 'berth', client_secret: 'a client secret: 100% & more', redirect_uris: [redirectUri] }],
    cookies: { keys: ['test'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: slim === 'slim',
    pkce: { required: () => true },
    findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id], ...changed[id] }) },
    features: { devInteractions: { enabled: true } },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const [, id] = request.url.match(/^\/test\/accounts\/(\w+)$/) ?? [];
    if (!id) return answer(request, response);
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => { changed[id] = JSON.parse(body); response.end('{}'); });
  });
  console.log(`http://127.0.0.1:${server.address().port}`);
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
