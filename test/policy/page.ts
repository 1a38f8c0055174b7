/** docs/policy.md as data: its marked blocks, what each says, and what the engine says in the same words. */
import { limitedHeaders, limitedResult } from '../../src/call/results.ts'
import { completionCall, type Typed } from '../../src/policy/completion.ts'
import { type Limited, reserve, type Subject } from '../../src/policy/counting.ts'
import { decide } from '../../src/policy/decide.ts'
import { explain } from '../../src/policy/explain.ts'
import { nothingKnown } from '../../src/policy/known-tools.ts'
import { type Loaded, loadPolicy, loadPolicyText } from '../../src/policy/load.ts'
import type { Call, Context, Kind, Policy, ReadKind, Shadow } from '../../src/policy/model.ts'
import { MemoryCounters } from './support.ts'

/** A fenced block: ```yaml policy. */
export interface Block {
  readonly language: string
  readonly kind: string
  /** Where its fence stands, from 1. */
  readonly line: number
  readonly text: string
}

export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map((match) => {
    const [language = '', kind = ''] = (match[1] as string).split(' ')
    const line = text.slice(0, match.index).split('\n').length
    return { language, kind, line, text: (match[2] as string).trimEnd() }
  })
}

/** `«x × 9»` is nine x, which no reader wants to see. */
export function unfold(text: string): string {
  return text.replaceAll(/«(.*?) × (\d+)»/g, (_, part: string, times: string) => part.repeat(Number(times)))
}

/** Loads a block as its reader would save it: YAML as text, or bytes where it has some, and JSON parsed. */
export function load({ language, text }: Block, knownTools = nothingKnown): Loaded {
  const unfolded = unfold(text)
  if (language === 'json') return loadPolicy(JSON.parse(unfolded), knownTools)
  const [before, byte, after] = unfolded.split(/«byte (..)»/)
  if (byte === undefined) return loadPolicyText(unfolded, knownTools)
  const utf8 = new TextEncoder()
  const bytes = [...utf8.encode(before), Number.parseInt(byte, 16), ...utf8.encode(after)]
  return loadPolicyText(Uint8Array.from(bytes), knownTools)
}

/** One line of a list of decisions: who calls what, and when. */
interface Line {
  readonly call: Call
  readonly context: Context
  readonly subject: Subject
}

const NOON = '2030-01-01T12:00:00Z'

function readLine(line: string): Line {
  const [, tool = '', args = '', , words = ''] = /^(\S+) (\{.*?\})(( \w+=\S+)*)$/.exec(line) ?? []
  if (tool === '') throw new Error(`not a call: ${line}`)
  const given = new Map(
    [...line.matchAll(/ (account|session|label|at|annotations|kind|completion)=(\S+)/g)].map(pairOf),
  )
  if (words !== '' && given.size === 0) throw new Error(`unknown words: ${line}`)
  const nameOr = (word: string, otherwise: string) => {
    const name = given.get(word) ?? otherwise
    return name === '-' ? null : name
  }
  const at = given.get('at') ?? NOON
  const nowMs = Date.parse(at.includes('T') ? at : `2030-01-01T${at}Z`)
  const account = nameOr('account', 'ana')
  const annotations = JSON.parse(given.get('annotations') ?? '{}') as Record<string, unknown>
  return {
    call: {
      ...(given.has('kind') ? { kind: given.get('kind') as Kind } : {}),
      tool,
      args: JSON.parse(unfold(args)) as Record<string, unknown>,
      annotations,
      ...completed(tool, given),
    },
    context: { nowMs, account, label: given.get('label') ?? 'Agent' },
    subject: { session: nameOr('session', 's1'), account },
  }
}

/** What is typed is judged as the gateway judges it. */
function completed(tool: string, given: ReadonlyMap<string, string>) {
  const said = given.get('completion')
  if (said === undefined) return {}
  return completionCall(given.get('kind') as ReadKind, tool, JSON.parse(said) as Typed)
}

function pairOf([, word, value]: RegExpMatchArray): [string, string] {
  return [word as string, value as string]
}

/** Makes the calls of a policy's lists of decisions, one after another, and says of each how it went. */
export class Calls {
  readonly #policy: Policy
  readonly #counters = new MemoryCounters()
  /** The limit that refused the last call, and the explanation of that call as it was made. */
  refusal: Limited | null = null
  explanation = ''

  constructor(policy: Policy) {
    this.#policy = policy
  }

  make(text: string): string {
    const { call, context, subject } = readLine(text)
    this.refusal = null
    this.explanation = explain(this.#policy, call, { context, counters: this.#counters, subject })
    const decision = decide(this.#policy, call, context)
    if (decision.action === 'deny') {
      return `${text} -> deny ${decision.code} ${decision.rule}${inShadow(decision.shadow)}`
    }
    if (decision.action === 'require_approval') {
      return `${text} -> approval ${decision.rule}${inShadow(decision.shadow)}`
    }
    const reservation = reserve(this.#counters, decision.charges, subject, context.nowMs)
    if (reservation.ok) return `${text} -> allow${inShadow([...decision.shadow, ...reservation.shadow])}`
    this.refusal = reservation.limited
    const { rule, canRetry, resetsAtMs, nowMs } = reservation.limited
    const seconds = canRetry ? Math.ceil((resetsAtMs - nowMs) / 1_000) : 'never'
    return `${text} -> limit ${rule} ${seconds}${inShadow(decision.shadow)}`
  }

  /** What the agent got for the last call, where a limit refused it. */
  answer(): unknown {
    return this.refusal === null ? null : limitedResult(this.refusal)
  }

  headers(): string {
    const fields = this.refusal === null ? {} : limitedHeaders(this.refusal)
    return Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n')
  }
}

function inShadow(shadow: readonly Shadow[]): string {
  return shadow.map(({ action, rule }) => `; would ${action === 'deny' ? 'deny' : 'ask'} ${rule}`).join('')
}
