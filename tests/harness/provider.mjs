// A real OpenID provider, panva's oidc-provider, for tests: `node provider.mjs PORT CLIENTS`.
// Whoever signs in is who he says he is; "unverified-..." has an address that is not confirmed, "nobody-..." none.
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const [port, clients] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const algorithms = ["RS256", "ES256", "EdDSA"];
const keys = await Promise.all(
  algorithms.map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: "sig", kid: alg };
  }),
);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: { keys },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  cookies: { keys: ["of a test"] },
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `Name of ${id}`,
      ...(id.startsWith("nobody-")
        ? {}
        : { email: id.replace(/^unverified-/, ""), email_verified: !id.startsWith("unverified-") }),
    }),
  }),
});
provider.listen(port, "127.0.0.1", () => console.log("listening"));
