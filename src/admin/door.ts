/**
 * The administration API as an app of its own, which is made with the first request to it: its routes and their schemas take longer to
 * make than all that an agent's request needs.
 */
import { Hono } from 'hono'
import { lazy } from '../base/lazy.ts'
import type { WorkerContext } from '../contract/env.ts'
import { api } from './api.ts'
import type { AdminContext } from './context.ts'
import { mount } from './serve.ts'

/** All paths that it answers. */
export const API_PATHS = '/api/v1/*'

/** The app, with a route for each of the API's. */
export const door = lazy(() => {
  const app = new Hono<WorkerContext>()
  mount(app, api())
  // Answered by the app around it, as every other failure is.
  app.onError((error) => {
    throw error
  })
  return app
})

/** Answers a request to one of these paths. Throws what its route throws. */
export async function administration(c: AdminContext): Promise<Response> {
  return door().fetch(c.req.raw, c.env, c.executionCtx)
}
