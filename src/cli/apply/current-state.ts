/** Reads the present state of a tenant, as far as a plan needs it. Changes nothing. */
import type { Deployment } from '../../contract/without-effect.ts'
import type { Answer, Api, Json } from '../gateway/api.ts'
import type { Folder } from './kinds.ts'
import type { Wanted } from './wanted.ts'

export type CurrentDocuments = ReadonlyMap<string, Json>

/** The person who runs the command. */
export interface Caller {
  /** The person's name; null: the owner of the deployment, or the gateway is too old to say. */
  readonly name: string | null
  readonly role: string
}

export interface CurrentState {
  readonly caller: Caller
  /** The optional parts that the deployment has. */
  readonly deployment: Deployment
  /** Null: there is no such tenant. */
  readonly tenant: Pick<Answer, 'body' | 'tag'> | null
  /** Null: not asked for, since nothing depends on it or the caller may not know. */
  readonly people: CurrentDocuments | null
  readonly secrets: CurrentDocuments | null
  readonly servers: CurrentDocuments
  readonly policies: CurrentDocuments
  readonly grants: CurrentDocuments | null
  readonly webhooks: CurrentDocuments | null
}

/** Asks for all that the folder, or what is deleted, depends on. */
export async function readCurrentState(api: Api, wanted: Wanted, prune: boolean): Promise<CurrentState> {
  const tenant = await api.find('')
  const { caller, deployment } = await readCaller(api)
  const list = async (folder: Folder): Promise<CurrentDocuments> =>
    new Map(
      tenant === null ? [] : (await api.all(`/${folder}`)).map((item) => [String(item.name), item] as const),
    )
  const listIf = async (isNeeded: boolean, folder: Folder) => (isNeeded ? list(folder) : null)
  const grants = [...(wanted.grants?.values() ?? [])]
  const servers = [...(wanted.servers?.values() ?? [])]
  const hasOwner = grants.some(({ document }) => document.owner !== null)
  const hasSecret = servers.some(({ document }) =>
    Object.values(document.headers).some((value) => typeof value !== 'string'),
  )
  const isTrusted = mayAdminister(caller)
  return {
    caller,
    deployment,
    tenant,
    servers: await list('servers'),
    policies: await list('policies'),
    people: await listIf(isTrusted && (wanted.people !== null || hasOwner), 'people'),
    secrets: await listIf(isTrusted && (wanted.secrets !== null || hasSecret), 'secrets'),
    grants: await listIf(wanted.grants !== null || (prune && wanted.policies !== null), 'grants'),
    webhooks: await listIf(wanted.webhooks !== null, 'webhooks'),
  }
}

/** True if they may see and change everything in the tenant. */
export function mayAdminister({ role }: Caller): boolean {
  return role === 'root' || role === 'admin'
}

async function readCaller(api: Api): Promise<Pick<CurrentState, 'caller' | 'deployment'>> {
  // Where there is no tenant yet, the deployment says it: only its owner is told that there is none.
  const answer = (await api.find('/whoami')) ?? (await api.ofDeployment().find('/whoami'))
  const said = answer?.body ?? {}
  const name = typeof said.name === 'string' ? said.name : null
  const has = (said.deployment ?? {}) as Partial<Deployment>
  // A gateway that does not say refuses what may not be, as it always does.
  return {
    caller: { name, role: typeof said.role === 'string' ? said.role : 'root' },
    deployment: {
      encryption_keys: has.encryption_keys ?? true,
      audit_database: has.audit_database ?? true,
    },
  }
}
