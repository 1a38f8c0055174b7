/**
 * One server lies, another is healthy, and a client sees both at `/mcp`. Whatever the one says: the healthy one's part is
 * there, what the client is told is MCP, the gateway does not fail as a whole, and nothing that was not allowed
 * arrives at either.
 */

import * as sdk from '@modelcontextprotocol/sdk/types.js'
import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { type Ending, endingOf } from '../support/node/ending.ts'
import { connectJudge, type Judge, type ListName } from '../support/node/in-memory-clients.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { within } from '../support/node/within.ts'
import { type Proof, prove, type Trials } from './lanes.ts'
import { type Lie, lieAbout, type Method, methods } from './lies.ts'
import { liarOf, startProofWorld, type World } from './world.ts'

/** Above every bound of the gateway, and of a machine that is busy. */
const BOUND_MS = 30_000
/** The lies of a lane are not to be taken for an illness that lasts. */
const HONEST_EVERY = 50

/** Two tools by name, of whatever server: one that may be called, and one that may not. */
const POLICY = { version: '1', default: 'allow', tools: { drop: { deny_if: [{ conditions: [] }] } } }

interface Case {
  readonly era: Era
  readonly method: Method
  readonly lie: Lie
}

const cases: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom(...eras), fc.constantFrom(...methods))
  .chain(([era, method]) => lieAbout(method).map((lie) => ({ era, method, lie })))

/** Each list, and what the client of the session era holds its result against. */
const lists: Readonly<
  Record<
    string,
    { key: ListName; schema: { safeParse(value: unknown): { success: boolean; error?: unknown } } }
  >
> = {
  'tools/list': { key: 'tools', schema: sdk.ListToolsResultSchema },
  'prompts/list': { key: 'prompts', schema: sdk.ListPromptsResultSchema },
  'resources/list': { key: 'resources', schema: sdk.ListResourcesResultSchema },
  'resources/templates/list': { key: 'resourceTemplates', schema: sdk.ListResourceTemplatesResultSchema },
}

/** What the healthy server contributes to a list. */
const parts: Readonly<Record<string, string>> = {
  'tools/list': 'healthy__echo',
  'prompts/list': 'healthy__ask',
  'resources/list': 'healthy+a:one',
  'resources/templates/list': 'healthy+a:{b}',
}

/** @returns the proof, and how many lies were told */
export async function proveAnswers(
  gatewayUrl: string,
  trials: Trials,
): Promise<Proof & { readonly lies: number }> {
  const world = await startProofWorld(gatewayUrl, `answers-${trials.seed}`, POLICY)
  try {
    const tokens: string[] = []
    for (let lane = 0; lane < trials.lanes; lane++) tokens.push(await world.token(lane))
    const proof = await prove<Case>(trials, (lane) => {
      const client = new Client(world, lane, tokens[lane] ?? '')
      return { cases, holds: (one) => client.holds(one) }
    })
    const lies = tokens.reduce((sum, _, lane) => sum + world.liar.lane(lane).told, 0)
    return { ...proof, lies }
  } finally {
    await world.stop()
  }
}

class Client {
  readonly #world: World
  readonly #lane: number
  readonly #token: string
  readonly #agents = new Map<Era, McpAgent>()
  /** Calls that may arrive at the liar, by what they say. */
  readonly #allowed = new Set<string>()
  #count = 0
  #judge: Promise<Judge> | null = null

  constructor(world: World, lane: number, token: string) {
    this.#world = world
    this.#lane = lane
    this.#token = token
  }

  /** Throws what is wrong with a case. */
  async holds({ era, method, lie }: Case): Promise<void> {
    const lane = this.#world.liar.lane(this.#lane)
    this.#count += 1
    if (this.#count % HONEST_EVERY === 0) {
      lane.lies = {}
      await this.#ask(era, 'tools/list', {})
    }
    lane.lies = { [method]: lie }
    // What is said of how a session begins is said to a client that begins one.
    if (method === 'initialize' || method === 'server/discover') this.#agents.delete(era)
    const tag = `${this.#lane}/${this.#count}`
    this.#allowed.add(tag)
    const [answer, healthy, denied] = await Promise.all([
      this.#ask(era, ...this.#request(era, method, tag)),
      this.#ask(era, 'tools/call', { name: 'healthy__echo', arguments: { tag } }),
      this.#ask(era, 'tools/call', { name: `${liarOf(this.#lane)}__drop`, arguments: { tag: 'denied' } }),
    ])
    lane.lies = {}
    const isList = lists[method] !== undefined
    for (const [of, it, asked] of [
      [method, answer, method],
      ['the healthy server', healthy, 'tools/call'],
      ['what is denied', denied, 'tools/call'],
    ] as const)
      this.#look(of, it, asked)
    if (isList) await this.#lookAtList(era, method, answer)
    const said = JSON.stringify(healthy.ending.answers)
    if (!said.includes('healthy: ') || !said.includes(tag))
      throw new Error(`the healthy call was answered ${said}`)
    this.#lookAtArrivals(lane.calls)
    this.#lookAtArrivals(this.#world.healthy.lane(0).calls, false)
  }

  #request(era: Era, method: Method, tag: string): [string, Readonly<Record<string, unknown>>] {
    const name = liarOf(this.#lane)
    switch (method) {
      case 'tools/call':
        return [method, { name: `${name}__echo`, arguments: { tag } }]
      case 'prompts/get':
        return [method, { name: `${name}__ask` }]
      case 'resources/read':
        return [method, { uri: `${name}+a:one` }]
      case 'completion/complete': {
        const argument = { name: 'a', value: 'b' }
        return [method, { ref: { type: 'ref/prompt', name: `${name}__ask` }, argument }]
      }
      case 'logging/setLevel':
        return era === 'session' ? [method, { level: 'info' }] : ['tools/list', {}]
      case 'initialize':
      case 'server/discover':
        return ['tools/call', { name: `${name}__echo`, arguments: { tag } }]
      default:
        return [method, {}]
    }
  }

  async #ask(era: Era, method: string, params: Readonly<Record<string, unknown>>) {
    const agent = this.#agents.get(era) ?? (await this.#connect(era))
    const response = await within(`${method} is answered`, BOUND_MS, agent.open(method, params))
    return { response, ending: await within(`${method} ends`, BOUND_MS, endingOf(response)) }
  }

  async #connect(era: Era): Promise<McpAgent> {
    const headers = { authorization: `Bearer ${this.#token}` }
    const agent = await within(
      'it connects',
      BOUND_MS,
      connectAgent(era, `${this.#world.gatewayUrl}/mcp`, headers),
    )
    this.#agents.set(era, agent)
    return agent
  }

  #look(of: string, { response, ending }: { response: Response; ending: Ending }, method: string): void {
    const quoted = ending.text.slice(-500)
    if (response.status >= 500) throw new Error(`${of}: HTTP ${response.status}: ${quoted}`)
    for (const message of ending.messages) {
      const parsed = JSONRPCMessageSchema.safeParse(message)
      if (!parsed.success)
        throw new Error(`${of}: no message of MCP: ${JSON.stringify(message).slice(0, 500)}`)
    }
    const isResumable = /^id: ./m.test(ending.text)
    if (ending.answers.length === 0 && !ending.isBroken && !isResumable)
      throw new Error(`${of}: no answer to ${method}: HTTP ${response.status} ${quoted}`)
    if (ending.answers.length > 1) throw new Error(`${of}: ${ending.answers.length} answers: ${quoted}`)
  }

  async #lookAtList(era: Era, method: string, { ending }: { ending: Ending }): Promise<void> {
    const list = lists[method]
    const result = ending.answers[0]?.result
    if (list === undefined) return
    if (result === undefined) throw new Error(`${method}: no list: ${ending.text.slice(-500)}`)
    const refusal = await this.#refusalOf(era, list, result)
    if (refusal !== null)
      throw new Error(`${method}: no list of MCP: ${refusal} in ${ending.text.slice(-500)}`)
    if (!JSON.stringify(result[list.key]).includes(JSON.stringify(parts[method])))
      throw new Error(`${method}: the healthy server's part is missing: ${ending.text.slice(-500)}`)
  }

  /** Why the client of an era refuses a list, or null. The eras know different members, and the schema of the one is not the other's. */
  async #refusalOf(
    era: Era,
    { key, schema }: (typeof lists)[string],
    result: Readonly<Record<string, unknown>>,
  ): Promise<string | null> {
    if (era === 'session') {
      const parsed = schema.safeParse(result)
      return parsed.success ? null : String(parsed.error)
    }
    const entries = result[key]
    if (!Array.isArray(entries)) return `${key}: found no list`
    this.#judge ??= connectJudge(era)
    return (await this.#judge).refusal(key, entries)
  }

  /** Nothing arrives but what this lane, or another one, was allowed to send. */
  #lookAtArrivals(calls: readonly { name: unknown; arguments: unknown }[], isOwn = true): void {
    for (const { name, arguments: given } of calls) {
      const tag = (given as { tag?: unknown } | undefined)?.tag
      const isAllowed = isOwn ? this.#allowed.has(String(tag)) : /^\d+\/\d+$/.test(String(tag))
      if (name !== 'echo' || !isAllowed)
        throw new Error(`arrived undecided: ${JSON.stringify([name, given])}`)
    }
    if (isOwn) (calls as unknown[]).length = 0
  }
}
