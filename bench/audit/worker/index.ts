/**
 * What the audit trail adds to a call, piece by piece, so often in one request that the request itself does not count.
 *
 *   /healthz
 *   /call/<n>                <n> calls that are asked of a principal, without waiting in between
 *   /transaction/<n>         what the principal does for <n> of them, without being asked over a boundary or waiting for the disk
 *   /row/<n>                 the rows of <n> of them alone
 *   /hmac/<n>/<characters>   the HMAC of <n> calls with arguments of that length
 */

import { argumentsHmac } from '../../../src/audit/arguments-hmac.ts'
import { tenantConfig } from '../../../src/contract/config.ts'
import type { Env } from '../../../src/contract/env.ts'
import type { AdmitRequest, Intent } from '../../../src/contract/principal.ts'
import { PrincipalObject as Principal } from '../../../src/index.ts'
import { admit } from '../../../src/principal/admission/admit.ts'
import { DecisionLog } from '../../../src/principal/log/decision-log.ts'
import { readGrant } from '../../../src/principal/tables/grants.ts'
import { RememberedRows } from '../../../src/principal/tables/remembered.ts'
import { secretKeys } from '../../../src/secrets/seal.ts'
import { call, charge, secretHash } from '../../limited-call.ts'

export * from '../../../src/index.ts'

/** As one grouped commit may hold. */
const AT_ONCE = 100

function ask(intent: Intent, transport: string | null, configVersion: string | null): AdmitRequest {
  const requestId = crypto.randomUUID()
  const credential = { kind: 'token', proof: secretHash } as const
  const who = { tenant: 'bench', grant: 'agent', credential, requestId, transport, handle: null }
  return { ...who, configVersion, upstream: null, settled: [], intent }
}

export class PrincipalObject extends Principal {
  /** Does one piece `count` times, in transactions of AT_ONCE. */
  async pieces(kind: 'transaction' | 'row', count: number, transport: string): Promise<void> {
    const rows = new RememberedRows(this.ctx.storage.sql)
    const { sql } = rows
    const grant = readGrant(sql)
    if (grant === null) throw new Error('no grant')
    const { config } = grant
    const decisionLog = new DecisionLog(sql)
    const newId = () => crypto.randomUUID()
    const context = {
      sql,
      rows,
      decisionLog,
      grant,
      config,
      nowMs: Date.now(),
      newId,
      hasLegiti: true,
      reportLogins: false,
      hasStream: () => false,
    }
    for (let done = 0; done < count; done += AT_ONCE)
      this.ctx.storage.transactionSync(() => {
        decisionLog.begin()
        for (let i = 0; i < AT_ONCE; i++) {
          const request = ask(call, transport, config.version)
          if (kind === 'transaction') admit(context, request)
          else
            decisionLog.write({
              atMs: context.nowMs,
              requestId: request.requestId,
              sessionId: 'ses_00000000-0000-0000-0000-000000000000',
              account: null,
              client: { name: 'bench', version: '1.0.0' },
              call: call.call,
              decision: 'allow',
              rule: call.rule,
              configVersion: config.version,
              taken: [[charge.key, context.nowMs]],
              shadow: [],
            })
        }
        decisionLog.finish()
      })
  }
}

let version = ''
let opened: Promise<string> | null = null

/** Installs a grant and opens a session on it; returns its transport. */
async function setUp(env: Env): Promise<string> {
  const config = await tenantConfig({ identity: { trusted: true } }, { version: '1', default: 'allow' })
  version = config.version
  const grant = { tenant: 'bench', name: 'agent', label: 'Bench', secretHash, config, expiresAtMs: null }
  await principal(env).installGrant(grant)
  const client = JSON.stringify({ capabilities: {}, clientInfo: { name: 'bench', version: '1' } })
  const answer = await principal(env).admit(
    ask({ kind: 'open', protocolVersion: '2025-11-25', client }, null, null),
  )
  if (answer.kind !== 'admitted' || answer.admitted.outcome.kind !== 'opened') throw new Error(answer.kind)
  return answer.admitted.outcome.transport
}

function principal(env: Env) {
  return env.PRINCIPAL.getByName('bench/agent') as unknown as DurableObjectStub<PrincipalObject>
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, kind, n, chars] = new URL(request.url).pathname.split('/')
    if (kind === 'healthz') return new Response('{}')
    const count = Number(n)
    opened ??= setUp(env)
    const transport = await opened
    if (kind === 'call') {
      const calls = Array.from({ length: count }, () => principal(env).admit(ask(call, transport, version)))
      for (const answer of await Promise.all(calls))
        if (answer.kind !== 'admitted') throw new Error(answer.kind)
    } else if (kind === 'hmac') {
      const args = { query: 'x'.repeat(Number(chars) - 30), limit: 10, deep: { a: [1] } }
      for (let i = 0; i < count; i++)
        if ((await argumentsHmac(secretKeys(env), 'bench', { ...args, limit: i })) === null)
          throw new Error('no HMAC')
    } else await principal(env).pieces(kind as 'transaction' | 'row', count, transport)
    return new Response('{}')
  },
}
