/** A gateway that leaks on purpose: what it is sent goes to its log, or to its storage, as the header `x-leak` says. */
import type { Env } from '../../../src/contract/env.ts'
import gateway from '../../../src/index.ts'

export * from '../../../src/index.ts'

export default {
  async fetch(request: Request, env: Env, execution: ExecutionContext): Promise<Response> {
    const leak = request.headers.get('x-leak')
    const text = [await request.clone().text(), request.headers.get('authorization')].join('\n')
    if (leak === 'log') console.log(text)
    if (leak === 'storage') await env.LEGITI_STAND_IN.getByName('leak').take('POST', '/leak', btoa(text))
    return gateway.fetch(request, env, execution)
  },
}
