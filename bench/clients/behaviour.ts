/** What a program does on the wire, made of what passed. PURE. */
import type { Passed } from './wire.ts'

export interface Behaviour {
  /** Its first requests, until it is connected. */
  readonly first: string
  /** The newest revision that it named. */
  readonly revision: string
  readonly opensStream: boolean
  readonly subscribes: boolean
  readonly deletes: boolean
  /** Transports that it opened. */
  readonly transports: number
  readonly lists: number
  readonly cancels: number
}

export function behaviourOf(passed: readonly Passed[]): Behaviour {
  const methods = passed.map(({ http, path, method }) => method ?? `${http} ${shortPath(path)}`)
  const connects = methods.findIndex((it) => it.startsWith('tools/') || it === 'subscriptions/listen')
  const first = methods.slice(0, connects < 0 ? 3 : connects).filter((it, i, all) => it !== all[i - 1])
  const revisions = passed.flatMap(({ revision, status }) =>
    revision !== null && status === 200 ? [revision] : [],
  )
  return {
    first: first.slice(0, 4).join(', '),
    revision: revisions.toSorted().at(-1) ?? 'none',
    opensStream: passed.some(({ http, path }) => http === 'GET' && path.endsWith('/mcp')),
    subscribes: methods.includes('subscriptions/listen'),
    deletes: passed.some(({ http }) => http === 'DELETE'),
    transports: new Set(passed.flatMap(({ transport }) => transport ?? [])).size,
    lists: methods.filter((it) => it === 'tools/list').length,
    cancels: methods.filter((it) => it === 'notifications/cancelled').length,
  }
}

function shortPath(path: string): string {
  return path.endsWith('/mcp') ? '' : path
}
