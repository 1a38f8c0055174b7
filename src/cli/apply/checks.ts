/** Finds contradictions between a folder and a tenant that would stop an apply half-way. PURE. */
import { MOST } from '../../contract/capacity.ts'
import { expiryProblem } from '../../contract/expiry.ts'
import { EVERY_UPSTREAM } from '../../contract/grant-document.ts'
import { KEPT } from '../../contract/server-document.ts'
import { nativeServerNames } from '../../names/native-servers.ts'
import { namesAfter, namesGone } from './after.ts'
import type { CurrentState } from './current-state.ts'
import { grantDifferences, instantMs } from './differences.ts'
import { folders, kinds } from './kinds.ts'
import { peopleProblems } from './people-checks.ts'
import { secretProblems } from './secret-checks.ts'
import type { Wanted } from './wanted.ts'

/** Every problem that can be known before anything is done. */
export function planProblems(wanted: Wanted, current: CurrentState, prune: boolean, nowMs: number): string[] {
  if (current.tenant !== null && (current.tenant.body.deletion ?? null) !== null)
    return [`${wanted.folder}: found a tenant that is being deleted; allowed: one that is there to stay`]
  return [
    ...peopleProblems(wanted, current, prune),
    ...secretProblems(wanted, current, prune),
    ...keptHeaders(wanted, current),
    ...missingReferences(wanted, current, prune),
    ...grantProblems(wanted, current, nowMs),
    ...policiesInUse(wanted, current, prune),
    ...strayProblems(wanted, current, prune),
    ...capacityProblems(wanted, current),
  ]
}

/** Grants of owners, under policies, and of servers, that would not be there. */
function missingReferences(wanted: Wanted, current: CurrentState, prune: boolean): string[] {
  const knownPolicies = namesAfter(wanted.policies, current.policies, prune)
  const knownServers = [...nativeServerNames, ...namesAfter(wanted.servers, current.servers, prune)]
  const knownPeople =
    wanted.people === null && current.people === null
      ? null
      : namesAfter(wanted.people, current.people, prune)
  const allowed = (known: readonly string[]) => `allowed: ${known.join(', ') || 'none: there is none'}`
  const missing = (found: string, name: string, known: readonly string[]) =>
    known.includes(name) ? [] : [`${found} ${JSON.stringify(name)}; ${allowed(known)}`]
  return [...(wanted.grants ?? [])].flatMap(([name, { file, document }]) => {
    const { policy, servers, owner } = document
    // A person who has left may stay the owner.
    const isOwned = owner === null || current.grants?.get(name)?.owner === owner
    return [
      ...(policy === null ? [] : missing(`${file}: found the policy`, policy, knownPolicies)),
      ...(servers === EVERY_UPSTREAM ? [] : servers)
        .filter((server) => server !== EVERY_UPSTREAM)
        .flatMap((server) => missing(`${file}: found the server`, server, knownServers)),
      ...(isOwned || knownPeople === null ? [] : missing(`${file}: found the owner`, owner, knownPeople)),
    ]
  })
}

/** Grants that the gateway would not change so. */
function grantProblems(
  { grants }: Wanted,
  { grants: current, caller }: CurrentState,
  nowMs: number,
): string[] {
  return [...(grants ?? [])].flatMap(([name, { file, document }]) => {
    const now = current?.get(name)
    if (now !== undefined && grantDifferences(document, now).length === 0) return []
    if (now?.built_in === true)
      return [`${file}: found the built-in grant ${name}; allowed: a grant of another name`]
    const { expires_at } = document
    const expired = expiryProblem(expires_at === null ? null : instantMs(expires_at), nowMs)
    return [
      ...(expired === null ? [] : [`${file}: ${expired}`]),
      ...(caller.name !== null && now?.owner === caller.name && document.owner !== now.owner
        ? [`${file}: /owner: found another than you; allowed: you, until somebody else changes it`]
        : []),
    ]
  })
}

/** A policy is not deleted under a grant. */
function policiesInUse(
  { folder, policies, grants }: Wanted,
  current: CurrentState,
  prune: boolean,
): string[] {
  const staying = namesAfter(grants, current.grants, prune)
  const under = (policy: string) =>
    staying.filter((name) => {
      const wanted = grants?.get(name)
      return (wanted === undefined ? current.grants?.get(name)?.policy : wanted.document.policy) === policy
    })
  return namesGone(policies, current.policies, prune).flatMap((policy) => {
    const names = under(policy)
    // For a grant in the folder, the missing policy is a problem of its own already.
    if (names.length === 0 || names.some((name) => grants?.has(name))) return []
    return [
      `${folder}/policies: --prune would delete ${policy}, and grants are under it (${names.slice(0, 10).join(', ')}). Put them under another policy, or keep its file.`,
    ]
  })
}

/** "(set)" keeps the value that is stored for the same place. */
function keptHeaders({ servers }: Wanted, current: CurrentState): string[] {
  return [...(servers ?? [])].flatMap(([name, { file, document }]) => {
    const now = current.servers.get(name)
    const isSame = URL.parse(String(now?.url))?.origin === URL.parse(document.url)?.origin
    const stored = isSame ? Object.keys((now?.headers ?? {}) as object) : []
    return Object.entries(document.headers)
      .filter(([header, value]) => value === KEPT && !stored.includes(header))
      .map(
        ([header]) =>
          `${file}: /headers/${header}: found ${KEPT}; allowed: a value: none is stored to be kept`,
      )
  })
}

/** A thing is not deleted while a file that was not understood may stand for it. */
function strayProblems(
  { folder, strays, ...wanted }: Wanted,
  current: CurrentState,
  prune: boolean,
): string[] {
  return folders.flatMap((kind) =>
    namesGone(wanted[kind], current[kind], prune).flatMap((name) => {
      const file = strays[kind].get(name)
      if (file === undefined) return []
      return [
        `${file}: found a file that is not understood, while --prune would delete the ${kinds[kind]} ${name}; allowed: ${folder}/${kind}/${name}.yaml, or a file of another name`,
      ]
    }),
  )
}

/** Deletions come last, so old and new things are there together for a while. */
function capacityProblems({ folder, ...wanted }: Wanted, current: CurrentState): string[] {
  return folders.flatMap((kind) => {
    const names = new Set([...(wanted[kind]?.keys() ?? []), ...(current[kind]?.keys() ?? [])])
    if (wanted[kind] === null || names.size <= MOST[kind]) return []
    return [
      `${folder}/${kind}: found ${names.size}, with those of the tenant; allowed: at most ${MOST[kind]}`,
    ]
  })
}
