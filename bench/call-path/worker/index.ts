/** The gateway, and beside it the list of the functions that were entered since it was last asked for. */
import gateway from '../../../src/index.ts'
import { takeEntered } from './recorder.ts'

export * from '../../../src/index.ts'

export default {
  fetch(request: Request, env: unknown, execution: ExecutionContext) {
    return new URL(request.url).pathname === '/entered'
      ? Response.json(takeEntered())
      : gateway.fetch(request, env as never, execution)
  },
}
