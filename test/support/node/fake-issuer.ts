/** An OpenID provider as far as the gateway knows one: a real HTTP server that publishes keys, and tokens signed with them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

export interface FakeIssuer {
  /** What `identity.jwt` says of it. */
  readonly setting: { readonly issuer: string; readonly audience: string[]; readonly jwks_uri: string }
  idToken(sub: string, sid: string): Promise<string>
  logoutToken(claims: { readonly sub?: string; readonly sid?: string }): Promise<string>
  stop(): Promise<void>
}

export async function startFakeIssuer(): Promise<FakeIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] }
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(keys))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const issuer = `http://127.0.0.1:${address.port}`
  const sign = (claims: Record<string, unknown>, typ: string) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ })
      .setIssuer(issuer)
      .setAudience('gatehouse')
      .setIssuedAt()
      .setExpirationTime('2m')
      .sign(privateKey)
  return {
    setting: { issuer, audience: ['gatehouse'], jwks_uri: `${issuer}/keys` },
    idToken: (sub, sid) => sign({ sub, sid }, 'JWT'),
    logoutToken: (claims) =>
      sign({ ...claims, jti: crypto.randomUUID(), events: { [EVENT]: {} } }, 'logout+jwt'),
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
