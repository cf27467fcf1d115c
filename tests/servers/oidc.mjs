// oidc-provider with the one grant that machines use. Run from a folder whose node_modules has it.
// Argument: JSON {issuer, port, clients: [{id, secret, method, seconds}], tls: null | {port, key, cert}}.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:https';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(process.argv[2]);
const library = createRequire(`${settings.packages}/`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(library).href);
const lives = new Map(settings.clients.map(({ id, seconds }) => [id, seconds]));

const provider = new Provider(settings.issuer, {
  clients: settings.clients.map(({ id, secret, method }) => ({
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: method,
    grant_types: lives.get(id) ? ['client_credentials'] : [],
    response_types: [],
    redirect_uris: [],
    scope: 'files:read',
  })),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  scopes: ['files:read'],
  ttl: { ClientCredentials: (_context, _token, client) => lives.get(client.clientId) },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
  },
});

provider.listen(settings.port, '127.0.0.1');
if (settings.tls) {
  const pair = { key: readFileSync(settings.tls.key), cert: readFileSync(settings.tls.cert) };
  createServer(pair, provider.callback()).listen(settings.tls.port, '127.0.0.1');
}
