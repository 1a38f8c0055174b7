/** Secrets that must be there, by name and origin: their values are in no file, so nothing here can mend them. PURE. */
import { namesAfter, namesGone } from './after.ts'
import type { CurrentDocuments, CurrentState } from './current-state.ts'
import type { Wanted } from './wanted.ts'

/** Every problem, with the command that ends it. */
export function secretProblems(
  wanted: Wanted,
  { secrets: current, servers, caller }: CurrentState,
  prune: boolean,
): string[] {
  if (current === null) {
    // Somebody who may not see secrets changes no server either.
    if (wanted.secrets === null || caller.role === 'admin' || caller.role === 'root') return []
    return [
      `${wanted.folder}/secrets: found the role ${caller.role}, which may not see secrets; allowed: admin`,
    ]
  }
  return [
    ...statedSecrets(wanted, current),
    ...namedSecrets(wanted, current),
    ...secretsInUse(wanted, current, servers, prune),
  ]
}

const originsIn = (current: CurrentDocuments, secret: string) =>
  current.get(secret)?.origins as readonly string[] | undefined

/** Headers of servers in the folder that are made of secrets. */
function usesIn({ servers }: Wanted) {
  return [...(servers ?? [])].flatMap(([server, { file, document }]) =>
    Object.entries(document.headers).flatMap(([header, value]) =>
      typeof value === 'string'
        ? []
        : [{ server, file, header, secret: value.secret, origin: URL.parse(document.url)?.origin ?? '' }],
    ),
  )
}

/** The command that stores a secret, with all origins that the folder, or else the tenant, needs. */
function making(wanted: Wanted, current: CurrentDocuments, secret: string): string {
  const stated = wanted.secrets?.get(secret)?.origins ?? originsIn(current, secret) ?? []
  const needed = usesIn(wanted).filter((it) => it.secret === secret)
  const origins = [...new Set([...stated, ...needed.map(({ origin }) => origin)])]
  const where = origins.length === 0 ? 'https://…' : origins.join(',')
  return `gatehouse secret set ${secret} --from - --origins ${where}`
}

/** Those that the folder says must be there. */
function statedSecrets(wanted: Wanted, current: CurrentDocuments): string[] {
  return [...(wanted.secrets ?? [])].flatMap(([name, { file, origins }]) => {
    const has = originsIn(current, name)
    const make = making(wanted, current, name)
    if (has === undefined)
      return [
        `${file}: found no secret ${JSON.stringify(name)} in the tenant; allowed: one that is there (${make})`,
      ]
    if (origins === null || isSame(origins, has)) return []
    return [
      `${file}: /origins: found ${origins.join(', ')}; allowed: those that it was stored with, ${has.join(', ') || 'none'} (${make})`,
    ]
  })
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join() === other.toSorted().join()
}

/** A header of a secret that is not there, or is not for that server. */
function namedSecrets(wanted: Wanted, current: CurrentDocuments): string[] {
  return usesIn(wanted).flatMap(({ file, header, secret, origin }) => {
    const found = `${file}: /headers/${header}: found the secret ${JSON.stringify(secret)}`
    const origins = originsIn(current, secret)
    if (origins === undefined) {
      const allowed = [...current.keys()].join(', ') || 'none yet'
      return [
        `${found}, which the tenant does not have; allowed: ${allowed} (${making(wanted, current, secret)})`,
      ]
    }
    if (origins.includes(origin)) return []
    return [
      `${found}, which is not for ${origin}; allowed: one of this origin (${making(wanted, current, secret)})`,
    ]
  })
}

/** A secret that a header is made of is not deleted. */
function secretsInUse(
  wanted: Wanted,
  current: CurrentDocuments,
  currentServers: CurrentDocuments,
  prune: boolean,
): string[] {
  const uses = usesIn(wanted)
  const staying = namesAfter(wanted.servers, currentServers, prune).filter(
    (name) => !wanted.servers?.has(name),
  )
  return namesGone(wanted.secrets, current, prune).flatMap((secret) => {
    const now = (current.get(secret)?.servers ?? []) as readonly string[]
    const users = [
      ...uses.filter((it) => it.secret === secret).map(({ server }) => server),
      ...staying.filter((server) => now.includes(server)),
    ]
    if (users.length === 0) return []
    const which = [...new Set(users)].slice(0, 10).join(', ')
    return [
      `${wanted.folder}/secrets: --prune would delete ${secret}, and headers of servers are made of it (${which}). Give them other values, or keep its file.`,
    ]
  })
}
