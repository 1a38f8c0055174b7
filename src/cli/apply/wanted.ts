/** The tenant that a folder describes, once its files are read. PURE. */
import type { completeGrant } from '../../contract/grant-document.ts'
import type { PersonDocument } from '../../contract/person-document.ts'
import type { ServerDocument } from '../../contract/server-document.ts'
import type { WebhookDocument } from '../../contract/webhook-document.ts'
import type { KnownTools } from '../../policy/known-tools.ts'
import type { Json } from '../gateway/api.ts'
import type { LoadedPolicy } from '../kit/source.ts'
import type { Sources } from './folder.ts'

export interface WantedTenant {
  readonly file: string
  readonly document: Json
}

export interface WantedPerson {
  readonly file: string
  readonly document: PersonDocument
}

/** A secret that must be there. Its value is in no file. */
export interface WantedSecret {
  readonly file: string
  /** The origins that it may be sent to; null: the folder does not say. */
  readonly origins: readonly string[] | null
}

export interface WantedServer {
  readonly file: string
  /** With everything that was left out, and the values of its headers. Never printed, never written. */
  readonly document: ServerDocument
}

export interface WantedPolicy {
  readonly file: string
  readonly document: unknown
  readonly policy: LoadedPolicy
  /** The same with what there is to say of the names in it. */
  readonly checked: (known: KnownTools) => LoadedPolicy
}

export interface WantedGrant {
  readonly file: string
  readonly document: ReturnType<typeof completeGrant>
}

export interface WantedWebhook {
  readonly file: string
  readonly document: WebhookDocument
}

export interface Wanted {
  readonly folder: string
  /** Null: its settings are not part of the folder. */
  readonly tenant: WantedTenant | null
  /** Null: there is no such folder, so nothing is said of them. */
  readonly people: ReadonlyMap<string, WantedPerson> | null
  readonly secrets: ReadonlyMap<string, WantedSecret> | null
  readonly servers: ReadonlyMap<string, WantedServer> | null
  readonly policies: ReadonlyMap<string, WantedPolicy> | null
  readonly grants: ReadonlyMap<string, WantedGrant> | null
  readonly webhooks: ReadonlyMap<string, WantedWebhook> | null
  /** Files that were not understood, by the name of what they may be. */
  readonly strays: Sources['strays']
}
