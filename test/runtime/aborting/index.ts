/** The gateway, whose Durable Objects can be aborted: `POST /abort/<class>` aborts each of that class that has been at work. */
import type { Env } from '../../../src/contract/env.ts'
import gateway, { ExchangeObject as Exchange, PrincipalObject as Principal } from '../../../src/index.ts'

export { LegitiStandIn, TenantCounters, TenantDirectory, TenantObject } from '../../../src/index.ts'

const ABORT = 'http://object/abort'
const ids = { exchange: new Set<string>(), principal: new Set<string>() }

export class ExchangeObject extends Exchange {
  override async fetch(request: Request): Promise<Response> {
    if (request.url === ABORT) this.ctx.abort('aborted by a test')
    ids.exchange.add(this.ctx.id.toString())
    return super.fetch(request)
  }
}

export class PrincipalObject extends Principal {
  override async fetch(request: Request): Promise<Response> {
    if (request.url === ABORT) this.ctx.abort('aborted by a test')
    ids.principal.add(this.ctx.id.toString())
    return super.fetch(request)
  }
}

export default {
  async fetch(request: Request, env: Env, execution: ExecutionContext): Promise<Response> {
    const [, door, kind] = new URL(request.url).pathname.split('/')
    if (door !== 'abort' || (kind !== 'exchange' && kind !== 'principal'))
      return gateway.fetch(request, env, execution)
    const namespace: DurableObjectNamespace = kind === 'exchange' ? env.EXCHANGE : env.PRINCIPAL
    const aborting = [...ids[kind]].map((id) =>
      namespace
        .get(namespace.idFromString(id))
        .fetch(ABORT)
        .catch(() => {}),
    )
    ids[kind].clear()
    await Promise.all(aborting)
    return Response.json({ aborted: aborting.length })
  },
}
