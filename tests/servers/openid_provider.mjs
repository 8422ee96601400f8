// An OpenID Connect provider: PORT REDIRECT_URI [REDIRECT_URI…]. Anybody signs in as whoever they say they are.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, ...redirectUris] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const GROUPS = { ada: ["analysts", "staff"], root: ["admins"], "batch-job": ["loaders"] };
const groupsOf = (name) => GROUPS[name] ?? [];

const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...key, kid: "first", use: "sig", alg: "RS256" }] },
  clients: [
    { client_id: "headwater", client_secret: "correct-horse-battery-staple", redirect_uris: redirectUris },
    {
      client_id: "batch-job",
      client_secret: "horse-battery-staple-correct",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `${id}@example.org`, groups: groupsOf(id) }),
  }),
  extraTokenClaims: (_context, token) => ({ groups: groupsOf(token.accountId ?? token.clientId) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: "",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1");

// A `node` that pip installed runs this one as its child, which nobody tells that it has ended.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 500).unref();
