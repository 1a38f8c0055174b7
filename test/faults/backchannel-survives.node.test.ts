/**
 * `kill -9` of the runtime around an issuer's logout: in the tick in which it was answered, and at moments before. What
 * was answered 200 has happened after the restart; what was not, the issuer sends again. Either way every session of the
 * subject ends, in all grants, and Legiti gets each logout exactly once.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { startFakeIssuer } from '../support/node/fake-issuer.ts'
import { startFakeLegiti } from '../support/node/fake-legiti.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

const GRANTS = ['one', 'two', 'three']
/** When to pull the plug, in milliseconds after the logout was sent; null: in the tick in which it was answered. */
const moments: readonly (number | null)[] = [null, 0, 1, 2, 3, 5, 8, null, 13, null]
const ARRIVES_WITHIN_MS = 45_000

describe.skipIf(bareWorkerdMissing !== null)(
  `kill -9 around an issuer's logout${bareWorkerdMissing === null ? '' : `: skipped, ${bareWorkerdMissing}`}`,
  () => {
    test(`misses no session and tells nobody twice, in ${moments.length} tries`, {
      timeout: 300_000,
    }, async () => {
      const legiti = await startFakeLegiti()
      onTestFinished(legiti.stop)
      const issuer = await startFakeIssuer()
      onTestFinished(issuer.stop)
      const gateway = await startBare({
        DEMO: 'true',
        ALLOW_PRIVATE_UPSTREAMS: 'true',
        LEGITI_BASE_URL: legiti.url,
        LEGITI_API_KEY: 'sbx_test',
        LEGITI_REPORT_LOGINS: 'false',
      })
      onTestFinished(gateway.stop)
      const admin = adminApi(gateway.url, 'acme')
      await admin.putTenant({ identity: { jwt: [issuer.setting] } })
      await admin.putPolicy('all', { version: '1', default: 'allow' })
      const tokens = await Promise.all(GRANTS.map((grant) => admin.putGrant(grant, { policy: 'all' })))
      const send = async (token: string) => {
        const response = await fetch(`${gateway.url}/t/acme/oidc/backchannel-logout`, {
          method: 'POST',
          body: new URLSearchParams({ logout_token: token }),
        })
        return response.status
      }
      for (const [n, killAfterMs] of moments.entries()) {
        const sub = `sub-${n}`
        const clients = await Promise.all(tokens.map((token) => openSession(gateway.url, token)))
        for (const [i, client] of clients.entries()) {
          const login = { provider: 'jwt', token: await issuer.idToken(sub, `${sub}-${i}`) }
          expect(await client.call('auth_login', login)).toMatchObject({ isError: false })
        }
        // Down, so that nothing is on its way to Legiti when the plug is pulled.
        await legiti.down()
        const token = await issuer.logoutToken({ sub })
        const sent = send(token).catch(() => null)
        const status = killAfterMs === null ? await sent : await wait(killAfterMs, null)
        if (killAfterMs === null) expect(status).toBe(200)
        await gateway.kill9()
        const answered = await sent
        await gateway.start()
        await legiti.up()
        // An issuer that has heard nothing sends it again; one that has does not.
        if (answered !== 200) expect(await send(token)).toBe(200)
        const arrived = () => legiti.requests.filter(({ body }) => accountOf(body) === sub).length
        await until(`Legiti gets all logouts of ${sub}`, () => arrived() >= GRANTS.length, ARRIVES_WITHIN_MS)
        for (const client of clients) {
          // The connection goes on, without an account.
          expect(await client.call('auth_whoami', {})).toMatchObject({ structured: { logged_in: false } })
          client.close()
        }
        // The next kill must not fall between an answer of Legiti and the commit that writes it down.
        await until(
          'the deliveries are written down',
          async () => (await pending(gateway.url)) === 0,
          ARRIVES_WITHIN_MS,
        )
        expect(arrived()).toBe(GRANTS.length)
      }
      expect(legiti.requests).toHaveLength(moments.length * GRANTS.length)
    })
  },
)

/** How many events wait in the outboxes of all grants. */
async function pending(gatewayUrl: string): Promise<number> {
  const counts = await Promise.all(
    GRANTS.map(async (grant) => {
      const response = await fetch(`${gatewayUrl}/api/v1/tenants/acme/grants/${grant}/outbox`, {
        headers: { authorization: `Bearer ${ROOT_TOKEN}` },
      })
      return ((await response.json()) as { pending: number }).pending
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

function accountOf(body: unknown): unknown {
  return (body as { account_id?: unknown } | null)?.account_id
}
