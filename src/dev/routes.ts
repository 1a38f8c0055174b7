/** `/dev/demo` says whether `npm run demo` can run, and `/dev/legiti` is the stand-in over HTTP. Mounted in the local demo only. */
import { Hono } from 'hono'
import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import type { Env, WorkerContext } from '../contract/env.ts'
import { modes } from '../contract/stand-in.ts'
import { demoLacks } from './lacks.ts'
import type { Received } from './stand-in.ts'

const behaviour = lazy(() => z.strictObject({ mode: z.enum(modes) }))

export const devRoutes = new Hono<WorkerContext>()

/** `lacks`: why the demo's scenes cannot be played here; null where they can. */
devRoutes.get('/demo', (c) => c.json({ lacks: demoLacks(c.env) }))

devRoutes.get('/legiti/events', async (c) =>
  c.json({ events: (await standIn(c.env).events()).map((event) => JSON.parse(event) as Received) }),
)

devRoutes.get('/legiti/behaviour', async (c) => c.json({ mode: await standIn(c.env).mode() }))

devRoutes.post('/legiti/behaviour', async (c) => {
  const parsed = behaviour().safeParse(await c.req.json().catch(() => null))
  if (!parsed.success)
    return problem(400, 'Unknown behaviour', `allowed: {"mode": one of ${modes.join(', ')}}`)
  await standIn(c.env).behave(parsed.data.mode)
  return c.json(parsed.data)
})

devRoutes.all('/legiti/*', async (c) => {
  const path = new URL(c.req.url).pathname.slice('/dev/legiti'.length)
  const body: unknown = await c.req.json().catch(() => null)
  const answer = await standIn(c.env).take(c.req.method, path, body)
  return Response.json(answer.body, { status: answer.status })
})

function standIn(env: Env) {
  return env.LEGITI_STAND_IN.getByName('stand-in')
}
