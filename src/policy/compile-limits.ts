/** From the limits of a hosted document to what is charged. */
import { type Decimal, formatDecimal, parseDecimal } from './decimal.ts'
import type { HostedCount, HostedLimit, HostedTool } from './hosted.ts'
import { lookFor } from './look.ts'
import type { Charge, Limit, WindowName } from './model.ts'
import { parsePath } from './path.ts'
import { windowOf } from './window.ts'

/** What a limit counts, as far as limits must agree on it. */
export interface Counted {
  /** Where it stands in the hosted document. */
  readonly at: string
  /** The tool whose counter it is, "*" for those of `all_tools`. */
  readonly owner: string
  /** That tool, where it is another and the counter is only looked at. */
  readonly looksAt: string | null
  readonly counter: string
  readonly window: string
  readonly scope: string
  /** What a call adds, in words. */
  readonly adds: string
}

export interface NamedLimit extends Counted {
  readonly limit: Limit
}

/**
 * The name a counter is stored under; the scope's session or account is added when it is charged. It says nothing
 * of `max`, so that a changed limit goes on from what was counted.
 */
export function counterKey({
  owner,
  counter,
  window,
  scope,
}: Omit<Counted, 'at' | 'adds' | 'looksAt'>): string {
  return JSON.stringify([owner === '*' ? 'all' : `tool:${owner}`, counter, window, scope])
}

/** The limits of one entry, and its counters without one. */
export function limitsOf(
  rules: HostedTool,
  place: string,
  tool: string,
  origin: (place: string) => string,
): NamedLimit[] {
  return [
    ...(rules.limits ?? []).map((it, i) => limitOf(it, origin(`${place}/limits/${i}`), tool)),
    ...(rules.counts ?? []).map((it, i) => limitOf(it, origin(`${place}/counts/${i}`), tool)),
  ]
}

function limitOf(it: HostedLimit | HostedCount, at: string, tool: string): NamedLimit {
  const { counter, window, sliding = false, scope = 'grant', increment, increment_from } = it
  const limiting = 'max' in it ? it : null
  const looksAt = limiting?.tool ?? null
  const increments = { increment, increment_from, looksAt }
  const counted: Counted = {
    at,
    owner: looksAt ?? tool,
    looksAt,
    counter,
    window: sliding ? `${window} sliding` : String(window),
    scope,
    adds: increment_from ?? textOf(increment ?? 1),
  }
  const charge: Charge = {
    rule: at,
    counter,
    key: counterKey(counted),
    window: windowOf(window as WindowName | number, sliding),
    scope,
    max: limiting === null ? null : textOf(limiting.max),
    strict: limiting?.strict ?? false,
    amount: amountOf(increments),
    unit: increment === undefined && increment_from === undefined ? 'calls' : 'sum',
    message: limiting?.on_deny ?? null,
    shadow: limiting?.shadow ?? false,
  }
  return { ...counted, limit: { charge, from: sourceOf(increment_from) } }
}

function amountOf({
  increment,
  increment_from,
  looksAt,
}: {
  increment: number | string | undefined
  increment_from: string | undefined
  looksAt: string | null
}): string {
  return looksAt !== null || increment_from !== undefined ? '0' : textOf(increment ?? 1)
}

function sourceOf(path: string | undefined): Limit['from'] {
  if (path === undefined) return null
  const parsed = parsePath(path)
  if (!parsed.ok) throw new Error(`not validated: ${path}`)
  return { path, look: lookFor(parsed.path) }
}

function textOf(value: number | string): string {
  return formatDecimal(parseDecimal(value) as Decimal)
}
