/** From the limits of a hosted document to what is charged. */
import { type Decimal, formatDecimal, parseDecimal } from './decimal.ts'
import type { HostedCount, HostedLimit } from './hosted.ts'
import { lookFor } from './look.ts'
import type { Charge, Kind, Limit, WindowName } from './model.ts'
import { parsePath } from './path.ts'
import { windowOf } from './window.ts'

/** The owner of a counter: a tool ("*": all of them), an entry on reading, or everything. */
export interface Owner {
  readonly kind: Kind | 'all'
  /** The tool, or the key of the entry. */
  readonly name: string
}

/** The unit of a limit, as far as limits on one counter must agree on it. */
export interface Counted {
  /** The limit's place in the hosted document. */
  readonly at: string
  readonly owner: Owner
  /** The tool whose counter is only looked at, or null. */
  readonly looksAt: string | null
  readonly counter: string
  readonly window: string
  readonly scope: string
  /** The amount that a call adds, in words. */
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
  return JSON.stringify([ownerKey(owner), counter, window, scope])
}

/** Stored with what was counted, so never changed. */
function ownerKey({ kind, name }: Owner): string {
  if (kind === 'all') return 'everything'
  return kind === 'tool' && name === '*' ? 'all' : `${kind}:${name}`
}

/** The limits of one entry, and its counters without one. `name` and `kind` are of what they belong to. */
export function limitsOf(
  rules: Counting,
  {
    place,
    name,
    origin,
    kind = 'tool',
  }: {
    readonly place: string
    readonly name: string
    readonly origin: (place: string) => string
    readonly kind?: Owner['kind'] | undefined
  },
): NamedLimit[] {
  const owner = { kind, name }
  return [
    ...(rules.limits ?? []).map((it, i) => limitOf(it, origin(`${place}/limits/${i}`), owner)),
    ...(rules.counts ?? []).map((it, i) => limitOf(it, origin(`${place}/counts/${i}`), owner)),
  ]
}

/** The counting parts of an entry. */
export interface Counting {
  readonly limits?: readonly HostedLimit[] | undefined
  readonly counts?: readonly HostedCount[] | undefined
}

function limitOf(it: HostedLimit | HostedCount, at: string, own: Owner): NamedLimit {
  const { counter, window, sliding = false, scope = 'grant', increment, increment_from } = it
  const limiting = 'max' in it ? it : null
  const looksAt = limiting?.tool ?? null
  const increments = { increment, increment_from, looksAt }
  const counted: Counted = {
    at,
    owner: looksAt === null ? own : { kind: 'tool', name: looksAt },
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
