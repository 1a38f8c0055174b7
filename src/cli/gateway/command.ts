/** Describes commands that ask the administration API, so that each says only how it differs. */
import { isObject } from '../../base/json.ts'
import { queueStates } from '../../contract/queue.ts'
import { describeValue } from '../../policy/problem.ts'
import { readText } from '../../policy/text.ts'
import type { Given, Operands, Option } from '../kit/arguments.ts'
import type { Command, Shape } from '../kit/command.ts'
import { type Direction, DURATION, durationSeconds, momentAllowed, relativeMs } from '../kit/moment.ts'
import {
  MISUSE,
  type Misuse,
  misuse,
  type Outcome,
  PROBLEMS,
  unreadable,
  visible,
  type World,
} from '../kit/outcome.ts'
import { broken } from '../kit/source.ts'
import { type Api, Ended, NO_TENANT, openApi } from './api.ts'
import { connection, readLink } from './link.ts'
import { untilTold, wait } from './waiting.ts'

export interface AdminCommand {
  readonly group: string | null
  readonly name: string
  readonly summary: string
  /** Lines of help that do not fit into the summary. */
  readonly notes?: readonly string[]
  readonly operands?: Operands
  readonly options?: readonly Option[]
  readonly examples: readonly string[]
  readonly exitCodes?: string
  /** The document that `--json` prints; the API's answer where absent. */
  readonly json?: Shape
  /** The first operand names the tenant. */
  readonly namesTenant?: boolean
  /** It asks of no tenant, but of the deployment. */
  readonly ofDeployment?: boolean
  /** It changes something: it takes a reason, for the record. */
  readonly changes?: boolean
  /** The change concerns grants, whose principals are told, so the command takes `--wait`. */
  readonly tells?: boolean
  /** It makes something with an `Idempotency-Key`. */
  readonly creates?: boolean
  /**
   * It takes something away that cannot be had back: it asks first and takes `--yes`. Throws `Ended` where the operands
   * cannot be meant.
   */
  readonly destroys?: (api: Api, given: Given) => Destruction
  /** The exit code where there is no answer; 2 where absent. */
  readonly failure?: Outcome['code']
  /** The tenant where neither the command line, the environment nor the token names one. */
  readonly tenantBehind?: (given: Given, world: World) => Promise<string | null>
  readonly run: (api: Api, given: Given, world: World) => Promise<Outcome>
}

/** The question that a destroying command asks. */
export interface Destruction {
  readonly question: string
  /** Consequences that the question has no room for, for a person to read before answering. */
  readonly lines?: readonly string[]
  /** Consequences that the gateway is asked for. */
  readonly consequences?: () => Promise<readonly string[]>
}

/** The values of an option, in words. */
export function oneOf(values: readonly string[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

/** The state of the queued things that are listed. */
export const QUEUE_STATE: Option = {
  name: 'state',
  value: 'STATE',
  values: queueStates,
  help: `${oneOf(queueStates)}; pending where absent`,
}

/** One operand: the name of the thing that is meant. */
export const ONE: Operands = { names: 'NAME', least: 1, most: 1 }
export const NONE: Operands = { names: '', least: 0, most: 0 }

export const yes: Option = { name: 'yes', value: null, help: 'do it without asking' }
export const file: Option = { name: 'file', value: 'FILE', help: 'the document, in YAML or JSON' }

const recorded: Option = { name: 'reason', value: 'TEXT', help: 'why, for the record' }
const key: Option = {
  name: 'key',
  value: 'KEY',
  help: 'its Idempotency-Key: the same again has the same answer, for a day; "none" for none',
}

/** The `Idempotency-Key` to send, where there is one: what was typed, or else the usual one. */
export function keyOf({ values }: Given, usual?: string): { readonly key?: string } {
  const key = values.get('key') ?? usual
  return key === undefined || key === 'none' ? {} : { key }
}

/** Makes a command of it. */
export function administer(spec: AdminCommand): Command {
  const { group, name, summary, operands = NONE, options = [], examples, changes = false } = spec
  const called = group === null ? `gatehouse ${name}` : `gatehouse ${group} ${name}`
  return {
    group,
    name,
    summary,
    ...(spec.notes === undefined ? {} : { notes: spec.notes }),
    operands,
    examples,
    ...(spec.failure === undefined ? {} : { failure: spec.failure }),
    json: spec.json ?? 'answer',
    exitCodes: spec.exitCodes ?? '0 done; 1 the gateway will not; 2 not understood, or no answer',
    options: [
      ...options,
      ...(changes ? [recorded] : []),
      ...(spec.creates === true ? [key] : []),
      ...(spec.tells === true ? [wait] : []),
      ...(spec.destroys === undefined ? [] : [yes]),
      ...connection.filter(({ name }) => spec.ofDeployment !== true || name !== 'tenant'),
    ],
    run: async (given, world) => {
      const named = spec.namesTenant === true ? (given.operands[0] ?? null) : null
      const tenant = spec.ofDeployment === true ? NO_TENANT : named
      const behind = (await spec.tenantBehind?.(given, world)) ?? null
      const link = readLink(given, world, { tenant, behind })
      if (!('origin' in link)) return failed(spec, misuse(called, link))
      let read: readonly string[] = []
      try {
        const reason = changes ? (given.values.get('reason') ?? null) : null
        const api = openApi(called, link, world, { reason })
        if (spec.destroys !== undefined) {
          const { question, ...known } = spec.destroys(api, given)
          const lines = await consequencesOf(known, given)
          const refused = await unlessConfirmed(api, given, world, { lines, question, data: { done: false } })
          if (refused !== null) return refused
          read = lines
        }
        const outcome = withoutRead(await spec.run(api, given, world), read)
        const waits = spec.tells === true && given.switches.has('wait')
        return waits ? untilTold(api, outcome, world) : outcome
      } catch (error) {
        if (error instanceof Ended) return failed(spec, error.outcome)
        throw error
      }
    },
  }
}

/** The lines to read before answering. With `--yes` nobody reads them, and what is done says them; `--json` asks nobody. */
async function consequencesOf(
  { lines = [], consequences }: Omit<Destruction, 'question'>,
  { switches }: Given,
): Promise<readonly string[]> {
  if (consequences === undefined || switches.has('yes') || switches.has('json')) return lines
  try {
    return [...lines, ...(await consequences())]
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    return [...lines, `Its other consequences could not be looked up: ${error.outcome.errors[0] ?? ''}`]
  }
}

/** The same without warnings of what was read before it was agreed to. */
function withoutRead(outcome: Outcome, read: readonly string[]): Outcome {
  return {
    ...outcome,
    errors: outcome.errors.filter((it) => !read.some((line) => it === `warning: ${line}`)),
  }
}

/** An outcome without an answer, with the exit code that the command has for that. */
function failed({ failure = MISUSE }: Pick<AdminCommand, 'failure'>, outcome: Outcome): Outcome {
  return outcome.code === MISUSE ? { ...outcome, code: failure } : outcome
}

/** Ends the command: what was typed cannot be meant. */
export function mistaken({ command }: Pick<Api, 'command'>, ...problems: readonly Misuse[]): Ended {
  return new Ended(misuse(command, problems))
}

/** Reads a file in YAML or JSON. */
export async function documentIn(name: string, world: World): Promise<unknown> {
  const content = await world.read(name)
  if (!content.ok) throw new Ended(unreadable([{ file: name, reason: content.reason }]))
  const { value, problems } = readText(content.bytes)
  if (problems.length > 0) throw new Ended(broken(name, problems))
  return value
}

/** The same, for a document that has names. */
export async function objectIn(api: Api, name: string, world: World): Promise<Record<string, unknown>> {
  const value = await documentIn(name, world)
  if (isObject(value)) return value
  throw mistaken(api, { found: `${describeValue(value)} in ${name}`, allowed: 'an object' })
}

/** A whole number that was typed. */
export function wholeNumber(api: Api, { values }: Given, option: string): number | undefined {
  const text = values.get(option)
  if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw mistaken(api, { found: `--${option} ${describeValue(text)}`, allowed: 'a whole number' })
}

/**
 * Seconds that were typed: a whole number, or a length of time such as `1h`.
 *
 * @returns undefined where the option is absent
 * @throws Ended where it is neither
 */
export function secondsOf(api: Api, { values }: Given, option: string): number | undefined {
  const text = values.get(option)
  if (text === undefined) return undefined
  const seconds = /^\d{1,15}$/.test(text) ? Number(text) : durationSeconds(text)
  if (seconds !== null) return seconds
  throw mistaken(api, {
    found: `--${option} ${describeValue(text)}`,
    allowed: `a whole number of seconds, or ${DURATION}`,
  })
}

/**
 * The moment of an option, as the API takes it: ISO 8601 in UTC. The command line may say it relative to now.
 *
 * @returns undefined where the option is absent
 * @throws Ended where it is no moment
 */
export function momentOf(
  api: Api,
  { values }: Given,
  {
    option,
    direction,
    world: { nowMs },
  }: {
    readonly option: string
    readonly direction: Direction
    readonly world: Pick<World, 'nowMs'>
  },
): string | undefined {
  const text = values.get(option)
  if (text === undefined) return undefined
  const ms = relativeMs(text, nowMs, direction)
  if (ms === null)
    throw mistaken(api, {
      found: `--${option} ${describeValue(text)}`,
      allowed: momentAllowed(direction),
    })
  // biome-ignore lint/style/noRestrictedGlobals: writes a given moment, reads no clock
  return new Date(ms).toISOString()
}

/** `a,b` as a list. */
export function listed(text: string): string[] {
  return text.split(',').map((one) => one.trim())
}

/** Says on standard error, at once, what should be read before anything is agreed to; with `--json` the document says it. */
export function warned(world: World, { switches }: Given, warnings: readonly string[]): void {
  if (!switches.has('json')) for (const line of warnings) world.warn(`${visible(line)}\n`)
}

/**
 * Goes on only where somebody says so: `--yes`, or a person at a terminal, who sees the lines first.
 *
 * @returns what the command comes to where nobody does, or null
 */
export async function unlessConfirmed(
  { command }: Pick<Api, 'command'>,
  { switches }: Given,
  world: World,
  {
    lines,
    question,
    data,
  }: {
    readonly lines: readonly string[]
    readonly question: string
    readonly data: unknown
  },
): Promise<Outcome | null> {
  if (switches.has('yes')) return null
  const refused = (errors: string[], shown: readonly string[]): Outcome => ({
    code: PROBLEMS,
    lines: shown,
    errors,
    data,
  })
  const unasked = refused([`${command}: nothing was done; with --yes it is`], lines)
  if (switches.has('json')) return unasked
  // Shown only to whoever can answer: otherwise it is what the command prints at its end.
  const answer = await world.ask([...lines, question].map(visible).join('\n'))
  if (answer === null) return unasked
  return answer ? null : refused([`${command}: nothing was done`], [])
}
