/**
 * A Worker that asks a principal what the gateway asks it and does nothing else, so that what an admission costs
 * can be told from what everything around it costs.
 *
 *   /healthz, /hello   nothing
 *   /check             one call to the principal that only reads
 *   /call              a tools/call: session, one limit, audit row, all of it durable
 *   /settle            the same, and how the call before ended
 *   /loop/<n>          <n> such calls in one request, without waiting in between
 *
 * `?of=<n>` spreads the requests over <n> principals.
 */
import { tenantConfig } from '../../../src/contract/config.ts'
import type { Env } from '../../../src/contract/env.ts'
import type { AdmitRequest, Intent, Settled } from '../../../src/contract/principal.ts'
import { call, secretHash } from '../../limited-call.ts'

export * from '../../../src/index.ts'

let version = ''
let turn = 0
let lastRequestId = ''
const ready = new Map<number, Promise<string>>()

/** Installs a grant and opens a session on it; returns its transport. */
async function setUp(env: Env, n: number): Promise<string> {
  const config = await tenantConfig({ identity: { trusted: true } }, { version: '1', default: 'allow' })
  version = config.version
  const grant = { tenant: 'bench', name: `agent-${n}`, label: 'Bench', secretHash, config, expiresAtMs: null }
  await principal(env, n).installGrant(grant)
  const client = JSON.stringify({ capabilities: {}, clientInfo: { name: 'bench', version: '1' } })
  const answer = await principal(env, n).admit(
    ask({ kind: 'open', protocolVersion: '2025-11-25', client }, n, null),
  )
  if (answer.kind !== 'admitted' || answer.admitted.outcome.kind !== 'opened') throw new Error(answer.kind)
  return answer.admitted.outcome.transport
}

function principal(env: Env, n: number) {
  return env.PRINCIPAL.getByName(`bench/agent-${n}`)
}

function ask(
  intent: Intent,
  n: number,
  transport: string | null,
  settled: readonly Settled[] = [],
): AdmitRequest {
  const requestId = crypto.randomUUID()
  return {
    tenant: 'bench',
    grant: `agent-${n}`,
    credential: { kind: 'token', proof: secretHash },
    requestId,
    transport,
    handle: null,
    configVersion: intent.kind === 'call' ? version : null,
    upstream: intent.kind === 'call' ? { server: 'crm', owner: null } : null,
    settled,
    intent,
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const [, kind, count] = pathname.split('/')
    if (kind === 'healthz' || kind === 'hello') return new Response('{}')
    turn += 1
    const n = turn % Number(searchParams.get('of') ?? 1)
    const opened = ready.get(n) ?? setUp(env, n)
    ready.set(n, opened)
    const transport = await opened
    const stub = principal(env, n)
    if (kind === 'loop') {
      const answers = Array.from({ length: Number(count) }, () => stub.admit(ask(call, n, transport)))
      return Response.json((await Promise.all(answers)).length)
    }
    const settled: Settled[] =
      kind === 'settle'
        ? [{ requestId: lastRequestId, outcome: 'result', upstreamStatus: 200, latencyMs: 3 }]
        : []
    const question = ask(kind === 'check' ? { kind: 'check' } : call, n, transport, settled)
    const answer = await stub.admit(question)
    lastRequestId = question.requestId
    return new Response('{}', { status: answer.kind === 'admitted' ? 200 : 500 })
  },
}
