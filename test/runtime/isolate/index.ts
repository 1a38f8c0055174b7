/** The gateway, in an isolate that says which one it is. */
import type { Env } from '../../../src/contract/env.ts'
import gateway from '../../../src/index.ts'

export * from '../../../src/index.ts'

/** Chosen with the first request: at the top of a module there is no randomness. */
let id: string | undefined

export default {
  async fetch(request: Request, env: Env, execution: ExecutionContext): Promise<Response> {
    id ??= crypto.randomUUID()
    const answer = await gateway.fetch(request, env, execution)
    const marked = new Response(answer.body, answer)
    marked.headers.set('x-isolate', id)
    return marked
  },
}
