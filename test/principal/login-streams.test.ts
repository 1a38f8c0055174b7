/** Open streams hear that their login is another, also where Legiti is not told of logins and nothing else follows from one. */

import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test, vi } from 'vitest'
import { writeCredential } from '../../src/contract/credential.ts'
import { LOGIN_CHANGED } from '../../src/contract/feed-messages.ts'
import { type AdmitRequest, FEED_HEADER, type Intent } from '../../src/contract/principal.ts'
import { PrincipalObject } from '../../src/principal/object.ts'
import { shownByHash } from '../support/credential.ts'
import { connect, fresh, installGrant, principal } from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const GRANT = 'acme/bot'
beforeEach(fresh)

const row = { server: 'session', tool: 'auth_login', argumentNames: [], argumentsHmac: null }
const login = (account: string): Intent => ({
  kind: 'call',
  call: row,
  rule: '(test)',
  charges: [],
  shadow: [],
  assumed: null,
  approval: null,
  begunBy: null,
  work: { kind: 'login', provider: 'trusted', account },
})

test.each(['true', 'false'])(
  'LEGITI_REPORT_LOGINS=%s: a first login is said on the stream, once',
  async (reported) => {
    const token = await installGrant('acme', 'bot')
    const { headers } = await connect({ token })
    const transport = headers['mcp-session-id'] ?? ''
    const heard = await runInDurableObject(principal(GRANT), async (_, state) => {
      const object = new PrincipalObject(state, { ...env, LEGITI_REPORT_LOGINS: reported } as never)
      const secretHash = state.storage.sql
        .exec<{ secret_hash: ArrayBuffer }>('SELECT secret_hash FROM grants')
        .one().secret_hash
      const asked = (intent: Intent): AdmitRequest => ({
        tenant: 'acme',
        grant: 'bot',
        credential: shownByHash(secretHash),
        requestId: crypto.randomUUID(),
        transport,
        handle: null,
        configVersion: null,
        upstream: null,
        settled: [],
        intent,
      })
      const feed = { ...asked({ kind: 'check' }), credential: writeCredential(shownByHash(secretHash)) }
      const opened = await object.fetch(
        new Request('http://principal/feed', {
          headers: { upgrade: 'websocket', [FEED_HEADER]: JSON.stringify(feed) },
        }),
      )
      const socket = opened.webSocket
      if (socket === null) throw new Error(`no feed: ${await opened.text()}`)
      const said: unknown[] = []
      socket.addEventListener('message', ({ data }) => void said.push(data))
      socket.accept()
      const first = await object.admit(asked(login('ana')))
      // As the Worker does behind the answer, where it is told to.
      if (first.kind === 'admitted' && first.admitted.drain) await object.drain()
      const again = await object.admit(asked({ kind: 'check' }))
      await vi.waitFor(() => expect(said).not.toEqual([]), PATIENT)
      socket.close()
      return { kinds: [first.kind, again.kind], said }
    })
    expect(heard).toEqual({ kinds: ['admitted', 'admitted'], said: [LOGIN_CHANGED] })
  },
)
