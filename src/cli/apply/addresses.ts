/** Has the gateway check the addresses of new and changed things, before anything is done. */
import type { Api, Json } from '../gateway/api.ts'
import type { Step } from './step.ts'
import type { Wanted } from './wanted.ts'

/** An address, and whose it is. */
interface Place {
  readonly file: string
  /** JSON Pointer to its place in the file. */
  readonly pointer: string
  readonly url: string
  readonly of: 'server' | 'other'
}

/** Addresses that the gateway would refuse (problems) or could not look up (warnings). An older gateway says nothing. */
export async function placeProblems(
  api: Pick<Api, 'find'>,
  wanted: Wanted,
  steps: readonly Step[],
): Promise<{ readonly problems: readonly string[]; readonly warnings: readonly string[] }> {
  const problems: string[] = []
  const warnings: string[] = []
  const places = placesOf(wanted, steps).flatMap((it) => {
    const origin = URL.parse(it.url)?.origin
    return origin === undefined ? [] : [{ ...it, origin }]
  })
  // Each takes as long as a name takes to be looked up.
  const origins = [...new Set(places.map(({ origin }) => origin))]
  const asked = origins.map(
    async (origin): Promise<[string, Json | undefined]> => [
      origin,
      (await api.find('/origins', { origin }))?.body,
    ],
  )
  const answers = new Map(await Promise.all(asked))
  for (const { file, pointer, origin, of } of places) {
    const said = answers.get(origin)
    const refused = said?.[of]
    const unknown = said?.unknown
    if (typeof refused === 'string') problems.push(`${file}: ${pointer}: ${refused}`)
    else if (typeof unknown === 'string')
      warnings.push(`${file}: warning: ${pointer}: ${unknown}; it may be refused`)
  }
  return { problems, warnings }
}

function placesOf(wanted: Wanted, steps: readonly Step[]): Place[] {
  return steps.flatMap((step): Place[] => {
    if (step.action === 'delete') return []
    switch (step.kind) {
      case 'server': {
        const it = wanted.servers?.get(step.name)
        return it === undefined
          ? []
          : [{ file: it.file, pointer: '/url', url: it.document.url, of: 'server' }]
      }
      case 'webhook': {
        const it = wanted.webhooks?.get(step.name)
        return it === undefined ? [] : [{ file: it.file, pointer: '/url', url: it.document.url, of: 'other' }]
      }
      case 'tenant':
        return settingsPlaces(wanted)
      default:
        return []
    }
  })
}

/** The addresses in a tenant's settings: credentials are sent to some, keys are fetched from others. */
function settingsPlaces({ tenant }: Wanted): Place[] {
  if (tenant === null) return []
  const { identity = {} } = tenant.document as { identity?: { jwt?: Json[]; magento?: Json[] } }
  const of = (list: 'jwt' | 'magento', member: string) =>
    (identity[list] ?? []).flatMap((it, i): Place[] => {
      const url = it[member]
      const pointer = `/identity/${list}/${i}/${member}`
      return typeof url === 'string' ? [{ file: tenant.file, pointer, url, of: 'other' }] : []
    })
  return [...of('magento', 'base_url'), ...of('jwt', 'jwks_uri')]
}
