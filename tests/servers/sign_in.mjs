// oidc-provider as people and keys sign in to it: its own login and consent pages, authorization
// code with PKCE, device flow, rotating refresh tokens, private_key_jwt; and assertions (RFC 7523),
// which it leaves to a grant of one's own: here checked by jose, the library that it uses itself.
// Argument: JSON {packages, issuer, port, seconds, jwks: {rsa, ec}}.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(process.argv[2]);
const { resolve } = createRequire(`${settings.packages}/`);
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { Provider, errors } = await load('oidc-provider');
const { importJWK, jwtVerify } = await load('jose');
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

const person = {
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/'],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', DEVICE],
};
const machine = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'private_key_jwt',
};
const provider = new Provider(settings.issuer, {
  clients: [
    { ...person, client_id: 'public-app', token_endpoint_auth_method: 'none' },
    { ...person, client_id: 'own-app', client_secret: 'app-s3cr3t', token_endpoint_auth_method: 'client_secret_basic' },
    { ...person, client_id: 'keyed-app', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [settings.jwks.rsa] } },
    { ...machine, client_id: 'rsa-machine', jwks: { keys: [settings.jwks.rsa] } },
    { ...machine, client_id: 'ec-machine', jwks: { keys: [settings.jwks.ec] } },
    { ...machine, client_id: 'asserting', grant_types: [JWT_BEARER], token_endpoint_auth_method: 'none' },
  ],
  clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt'],
  enabledJWA: {
    clientAuthSigningAlgValues: ['RS256', 'PS256', 'RS512', 'ES256'],
  },
  scopes: ['openid', 'offline_access', 'files:read'],
  rotateRefreshToken: true,
  ttl: { AccessToken: settings.seconds, ClientCredentials: settings.seconds },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
  },
});

provider.registerGrantType(JWT_BEARER, async (ctx) => {
  const key = await importJWK(settings.jwks.rsa, 'RS256');
  try {
    await jwtVerify(ctx.oidc.params.assertion, key, {
      issuer: 'asserting',
      subject: 'ann@example.com',
      audience: `${settings.issuer}/token`,
      maxTokenAge: '60s',
      requiredClaims: ['exp', 'iat', 'jti'],
    });
  } catch (problem) {
    throw new errors.InvalidGrant(problem.message);
  }
  const token = new provider.ClientCredentials({ client: ctx.oidc.client, scope: 'files:read' });
  ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer' };
}, ['assertion', 'scope']);

provider.listen(settings.port, '127.0.0.1');
