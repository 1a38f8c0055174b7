/** The administration API of one tenant, for commands: what is refused is thrown, as what the command comes to. */
import { isObject } from '../../base/json.ts'
import { fine, MISUSE, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import type { Link } from './link.ts'

export type Json = Readonly<Record<string, unknown>>

/** The parameters of a query; those that are undefined or null are left out. */
export type Query = Readonly<Record<string, string | number | null | undefined>>

export interface Answer {
  readonly status: number
  /** Its ETag, for `match`. */
  readonly tag: string | null
  readonly body: Json
}

/** The parts of a request that changes something. */
export interface Change {
  /** Sent as JSON. */
  readonly body?: unknown
  readonly query?: Query
  /** The ETag that it must have still. */
  readonly match?: string | null
  /** It must not be there yet. */
  readonly absent?: boolean
  /** The `Idempotency-Key`: with it the same request again has the same answer. */
  readonly key?: string
}

interface Patience {
  readonly timeoutMs?: number
}

/** Ends a command: its outcome. */
export class Ended extends Error {
  override readonly name = 'Ended'
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super('the command is over')
    this.outcome = outcome
  }
}

/** The API answered that it will not. */
export class Refused extends Ended {
  readonly status: number

  constructor(status: number, outcome: Outcome) {
    super(outcome)
    this.status = status
  }
}

export interface Api {
  readonly tenant: string
  /** The gateway's address, such as `https://gate.example`. */
  readonly origin: string
  /** The command's name, which messages begin with. */
  readonly command: string
  /** @param timeoutMs how long the answer may take; as long as the platform waits where absent */
  get(path: string, query?: Query, timeoutMs?: number): Promise<Answer>
  /** Null where there is no such thing. */
  find(path: string, query?: Query): Promise<Answer | null>
  /** The same gateway, asked of no tenant. */
  ofDeployment(): Api
  /** All items of a list, page by page; at most so many. */
  all(path: string, query?: Query, most?: number): Promise<Json[]>
  /** The same, with what the first page says beside them. */
  list(path: string, query?: Query, most?: number): Promise<{ readonly items: Json[]; readonly first: Json }>
  put(path: string, change?: Change): Promise<Answer>
  post(path: string, change?: Change): Promise<Answer>
  delete(path: string, change?: Change): Promise<Answer>
  /** The lines of an answer, as they come. */
  lines(path: string, query: Query, headers?: Readonly<Record<string, string>>): AsyncGenerator<string>
}

/** The part of a request that puts its reason on record. */
export interface Recorded {
  readonly reason: string | null
}

const LONGEST_PAGE = 100
/** Stands in the place of a tenant's name in requests about the deployment. */
export const NO_TENANT = ''

/** The API behind a link. Paths are those of the tenant, whose own is ''; where none is named, of the deployment: /tenants. */
export function openApi(command: string, link: Link, world: World, { reason }: Recorded): Api {
  const { origin, token, tenant, access } = link

  const send = async (
    method: string,
    path: string,
    { body, query = {}, match = null, absent = false, key, timeoutMs }: Change & Patience,
    more: Readonly<Record<string, string>> = {},
  ) => {
    const base = tenant === NO_TENANT ? '' : `/tenants/${encodeURIComponent(tenant)}`
    const url = new URL(`${origin}/api/v1${base}${path}`)
    // One that is given with the change is part of what its key stands for.
    const said: Query = method === 'GET' ? query : { reason, ...query }
    for (const [name, value] of Object.entries(said))
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
    const reply = await world.send({
      method,
      url: url.href,
      headers: {
        authorization: `Bearer ${token}`,
        ...access,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(match === null ? {} : { 'if-match': match }),
        ...(absent ? { 'if-none-match': '*' } : {}),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...more,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    if (!reply.ok) throw new Ended(unanswered({ command, origin, reason: reply.reason, key }))
    if (reply.status < 200 || reply.status > 299) {
      const text = await textOf(reply.pieces).catch(() => '')
      throw new Refused(reply.status, refusal(command, reply.status, text))
    }
    return reply
  }

  const ask = async (method: string, path: string, change: Change & Patience): Promise<Answer> => {
    const reply = await send(method, path, change)
    let text: string
    try {
      text = await textOf(reply.pieces)
    } catch {
      throw new Ended(unanswered({ command, origin, reason: 'the answer broke off', key: change.key }))
    }
    const body = jsonObject(text)
    if (body === null)
      throw new Ended(
        unanswered({ command, origin, reason: `${reply.status} with something that is no JSON object` }),
      )
    return { status: reply.status, tag: reply.header('etag'), body }
  }

  const get = (path: string, query: Query = {}, timeoutMs?: number) =>
    ask('GET', path, timeoutMs === undefined ? { query } : { query, timeoutMs })
  const list: Api['list'] = async (path, query = {}, most = Number.POSITIVE_INFINITY) => {
    const items: Json[] = []
    let first: Json | null = null
    let after: unknown = query.after ?? null
    do {
      const limit = Math.min(LONGEST_PAGE, most - items.length)
      const { body } = await get(path, { ...query, after: after as string | null, limit })
      first ??= body
      items.push(...(Array.isArray(body.items) ? (body.items as Json[]) : []))
      after = body.next ?? null
    } while (after !== null && items.length < most)
    return { items, first }
  }
  return {
    tenant,
    origin,
    command,
    ofDeployment: () => openApi(command, { ...link, tenant: NO_TENANT }, world, { reason }),
    get,
    find: async (path, query) => {
      try {
        return await get(path, query)
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return null
        throw error
      }
    },
    all: async (path, query, most) => (await list(path, query, most)).items,
    list,
    put: (path, change = {}) => ask('PUT', path, change),
    post: (path, change = {}) => ask('POST', path, change),
    delete: (path, change = {}) => ask('DELETE', path, change),
    lines: async function* (path, query, headers = {}) {
      const reply = await send('GET', path, { query }, headers)
      let rest = ''
      try {
        for await (const piece of reply.pieces) {
          const lines = (rest + piece).split('\n')
          rest = lines.pop() ?? ''
          yield* lines
        }
      } catch {
        throw new Ended(unanswered({ command, origin, reason: 'the answer broke off' }))
      }
      if (rest !== '') yield rest
    },
  }
}

/** Refusals that are an answer; all others keep the command from one. */
const answers: readonly number[] = [400, 404, 409, 412, 413, 415, 422]

/** Problem details (RFC 9457), for people: one line, and one for each problem. */
function refusal(command: string, status: number, text: string): Outcome {
  const problem = jsonObject(text) ?? {}
  const word = (value: unknown) => (typeof value === 'string' ? value : '')
  const title = word(problem.title)
  const detail = word(problem.detail)
  const problems = Array.isArray(problem.problems) ? problem.problems.filter((it) => word(it) !== '') : []
  const head = [`${command}: ${status}`, title].filter((it) => it !== '').join(' ')
  const lines =
    problems.length > 1
      ? [`${head}:`, ...problems.map((it) => `  ${it}`)]
      : [[head, String(problems[0] ?? detail)].filter((it) => it !== '').join(': ')]
  return {
    code: answers.includes(status) ? PROBLEMS : MISUSE,
    lines: [],
    errors: lines,
    data: { errors: [{ status, title, detail, problems }] },
  }
}

interface Unanswered {
  readonly command: string
  readonly origin: string
  readonly reason: string
  /** The idempotency key of the request, where it had one. */
  readonly key?: string | undefined
}

function unanswered({ command, origin, reason, key }: Unanswered): Outcome {
  const again =
    key === undefined
      ? []
      : [`It may have been done. Once more with --key ${key}, it is done once, and the answer is the same.`]
  return {
    code: MISUSE,
    lines: [],
    errors: [`${command}: no answer from ${origin}: ${reason}`, ...again],
    data: { errors: [{ url: origin, unreachable: reason, ...(key === undefined ? {} : { key }) }] },
  }
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

function jsonObject(text: string): Json | null {
  try {
    const value = JSON.parse(text) as unknown
    return isObject(value) ? (value as Json) : null
  } catch {
    return null
  }
}

/** A part of a path. */
export function part(name: string): string {
  return encodeURIComponent(name)
}

/** Reports a change in one line; its warnings, and grants that were not told yet, go to standard error. */
export function changed(line: string, { body }: Answer, more: readonly string[] = []): Outcome {
  const warnings = Array.isArray(body.warnings) ? body.warnings : []
  const pending = pendingLine(body)
  return {
    ...fine([line, ...more], body),
    errors: [...warnings.map((warning) => `warning: ${warning}`), ...(pending === null ? [] : [pending])],
  }
}

/**
 * Warns of a change that has not reached every grant yet; null where it has.
 *
 * @param of which change, where that is not plain
 */
export function pendingLine({ told, pending }: Json, of = ''): string | null {
  if (typeof pending !== 'number' || pending === 0) return null
  const all = typeof told === 'number' ? ` of ${told + pending} grants` : ''
  return `warning: ${of}${pending}${all} could not be told yet, and will be as soon as they can be`
}
