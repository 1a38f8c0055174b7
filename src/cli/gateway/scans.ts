/** Waits for first scans of servers, which go on behind the answers to the changes that began them. */
import type { World } from '../kit/outcome.ts'
import { type Api, Ended, type Json, part } from './api.ts'
import { gatewayTools } from './gateway-tools.ts'

const POLL_MS = 500
/** As long as the platform lets work go on behind an answer. */
const MOST_POLLS = 60

/** True if this answer to a PUT of a server says that a scan began. An older gateway does not say. */
export function scansNow({ scans }: Json): boolean {
  return scans === true
}

/** The problem of a server's last scan; null if there was none, or if the server has answered since. */
export function failedScanOf(status: Json): string | null {
  const scan = (status.last_scan ?? null) as { at: string; problem: string | null } | null
  if (scan === null || scan.problem === null) return null
  const success = typeof status.last_success_at === 'string' ? status.last_success_at : ''
  // Both are ISO 8601 in UTC, with milliseconds.
  return success > scan.at ? null : scan.problem
}

/** Waits until the scans of these servers are over; what went wrong, a line each. */
export async function scanProblems(api: Api, servers: readonly string[], world: World): Promise<string[]> {
  const all = await Promise.all(servers.map((server) => scanProblem(api, server, world)))
  return all.filter((it) => it !== null)
}

async function scanProblem(api: Api, server: string, world: World): Promise<string | null> {
  for (let polls = 0; polls < MOST_POLLS; polls++) {
    if (polls > 0) await world.wait(POLL_MS)
    try {
      const { body } = await api.get(`/servers/${part(server)}/status`)
      const scan = (body.last_scan ?? null) as { problem: string | null } | null
      if (scan !== null) return scan.problem
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      return `How the first scan of the server ${server} ended could not be asked: gatehouse server status ${server} says it.`
    }
  }
  // Behind an answer the platform lets nothing go on for longer, so that nobody may ever say how it ended.
  return `The first scan of the server ${server} is not over after ${(MOST_POLLS * POLL_MS) / 1_000} s: gatehouse server scan ${server} asks it again, and waits.`
}

/** Warns of tools that policies name and that their server turns out not to have; a line for each policy. */
export async function missingToolWarnings(api: Api, server: string): Promise<string[]> {
  const uses = (await api.find(`/servers/${part(server)}/uses`))?.body
  const tools = (await gatewayTools(api))?.find(({ name }) => name === server)?.tools ?? null
  if (uses === undefined || tools === null) return []
  const has = new Set(tools.flatMap(({ names }) => names))
  const policies = (uses.policies ?? []) as { name: string; tools: string[] }[]
  return policies.flatMap(({ name, tools: named }) => {
    const missing = named.filter((tool) => !has.has(tool) && !tool.includes('*'))
    if (missing.length === 0) return []
    return [`The policy ${name} names tools that the server ${server} does not have: ${missing.join(', ')}.`]
  })
}
