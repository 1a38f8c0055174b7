/** Finds changes of people that the gateway would refuse half-way, or that would lock everybody out. PURE. */
import { namesAfter, namesGone } from './after.ts'
import type { CurrentDocuments, CurrentState } from './current-state.ts'
import { personDifferences } from './differences.ts'
import type { Wanted, WantedPerson } from './wanted.ts'

/** Every problem, with the file that it is in. */
export function peopleProblems(
  { folder, people }: Wanted,
  { people: current, caller }: CurrentState,
  prune: boolean,
): string[] {
  if (people === null) return []
  if (current === null)
    return [`${folder}/people: found the role ${caller.role}, which may not see people; allowed: admin`]
  return [
    ...sharedAddresses(people, current, prune),
    ...(caller.name === null ? [] : ownProblems(folder, { own: caller.name, people, current, prune })),
    ...lastAdmin(folder, people, current, prune),
  ]
}

/** An address is nobody else's: of the folder, and of the people that stay without being in it. */
function sharedAddresses(
  people: ReadonlyMap<string, WantedPerson>,
  current: CurrentDocuments,
  prune: boolean,
): string[] {
  const staying = namesAfter(people, current, prune).filter((name) => !people.has(name))
  const owners = new Map<unknown, string>(staying.map((name) => [current.get(name)?.email, name]))
  const problems: string[] = []
  for (const [name, { file, document }] of people) {
    const { email } = document
    if (email === null) continue
    const owner = owners.get(email)
    if (owner === undefined) owners.set(email, name)
    else {
      const where = people.get(owner)?.file ?? 'of the tenant, who stays without --prune'
      problems.push(`${file}: /email: found the address of ${owner} (${where}); allowed: one of nobody else`)
    }
  }
  return problems
}

/** Nobody changes by what they are known themselves, and nobody takes from themselves what they apply with. */
function ownProblems(
  folder: string,
  {
    own,
    people,
    current,
    prune,
  }: {
    readonly own: string
    readonly people: ReadonlyMap<string, WantedPerson>
    readonly current: CurrentDocuments
    readonly prune: boolean
  },
): string[] {
  const now = current.get(own)
  if (now === undefined) return []
  if (namesGone(people, current, prune).includes(own))
    return [`${folder}/people: found no ${own}, who asks; allowed: to be removed by somebody else`]
  const wanted = people.get(own)
  if (wanted === undefined) return []
  const { file, document } = wanted
  const problems = personDifferences({ ...document, role: now.role as never }, now).map(
    (member) =>
      `${file}: /${member}: found another than yours; allowed: yours, until somebody else changes it`,
  )
  if (document.role !== now.role)
    problems.unshift(
      `${file}: /role: found ${document.role}, and you are ${now.role}; allowed: yours, until somebody else changes it`,
    )
  return problems
}

function lastAdmin(
  folder: string,
  people: ReadonlyMap<string, WantedPerson>,
  current: CurrentDocuments,
  prune: boolean,
): string[] {
  const before = [...current].filter(([, { role }]) => role === 'admin').map(([name]) => name)
  const roleAfter = (name: string) => people.get(name)?.document.role ?? current.get(name)?.role
  const isLeft = namesAfter(people, current, prune).some((name) => roleAfter(name) === 'admin')
  if (before.length === 0 || isLeft) return []
  const which = before.slice(0, 10).join(', ')
  return [
    `${folder}/people: found nobody who would be admin then, as ${which} ${before.length === 1 ? 'is' : 'are'} now; allowed: at least one (with the root token, gatehouse person set and remove do it all the same)`,
  ]
}
