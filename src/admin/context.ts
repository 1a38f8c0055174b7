/** A request to the administration API before its route is known: its Hono context, and who asks. */
import type { Context } from 'hono'
import type { WorkerContext } from '../contract/env.ts'
import type { PersonRole } from '../contract/roles.ts'

export type AdminContext = Context<WorkerContext>

export type Who =
  | { readonly kind: 'root' }
  | {
      readonly kind: 'person'
      readonly tenant: string
      readonly name: string
      readonly role: PersonRole
      readonly email?: string
    }
