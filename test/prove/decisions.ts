/**
 * Arguments are sent as text, in every spelling of JSON. What the policy saw in them, told by what it decided, is what the
 * server parsed; and what arrives says the same as what was sent.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { endingOf, isFailure } from '../support/node/ending.ts'
import { within } from '../support/node/within.ts'
import { readJson } from '../support/read-json.ts'
import { objectText, valueText } from './json-text.ts'
import { type Proof, prove, type Trials } from './lanes.ts'
import type { Lane } from './liar.ts'
import { liarOf, startProofWorld } from './world.ts'

const BOUND_MS = 30_000

type Arguments = Readonly<Record<string, unknown>>

/** A tool with one rule, and whether that rule denies arguments, said once more and otherwise. */
interface Probe {
  readonly condition: Readonly<Record<string, unknown>>
  readonly denies: (args: Arguments) => boolean
}

const own = (args: Arguments, name: string): unknown => (Object.hasOwn(args, name) ? args[name] : undefined)
const isList = Array.isArray
const isObject = (value: unknown): value is Arguments =>
  typeof value === 'object' && value !== null && !isList(value)
/** A decimal in quotes (docs/policy.md). */
const isDecimal = (text: string) =>
  text.length <= 64 && /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$/.test(text)

export const probes: Readonly<Record<string, Probe>> = {
  exists: {
    condition: { path: 'args.x', op: 'exists', value: true },
    denies: (args) => own(args, 'x') !== undefined && own(args, 'x') !== null,
  },
  missing: {
    condition: { path: 'args.x', op: 'exists', value: false },
    denies: (args) => own(args, 'x') === undefined || own(args, 'x') === null,
  },
  isnull: {
    condition: { path: 'args.x', op: 'eq', value: null },
    denies: (args) => own(args, 'x') === null,
  },
  notnull: {
    condition: { path: 'args.x', op: 'neq', value: null },
    denies: (args) => own(args, 'x') !== null,
  },
  one: {
    condition: { path: 'args.x', op: 'eq', value: 1 },
    denies: (args) => own(args, 'x') === 1,
  },
  other: {
    condition: { path: 'args.x', op: 'neq', value: 1 },
    denies: (args) => own(args, 'x') !== 1,
  },
  more: {
    condition: { path: 'args.x', op: 'gt', value: 1000 },
    denies: (args) => {
      const x = own(args, 'x')
      if (x === undefined) return false
      if (typeof x === 'number') return x > 1_000
      return typeof x !== 'string' || !isDecimal(x) || Number(x) > 1_000
    },
  },
  inner: {
    condition: { path: 'args.x.y', op: 'exists', value: true },
    denies: (args) => {
      const x = own(args, 'x')
      if (x === undefined || x === null) return false
      return !isObject(x) || (own(x, 'y') !== undefined && own(x, 'y') !== null)
    },
  },
  element: {
    condition: { path: 'args.list', op: 'contains', value: 1 },
    denies: (args) => {
      const list = own(args, 'list')
      if (list === undefined) return false
      return !isList(list) || list.includes(1)
    },
  },
  among: {
    condition: { path: 'args.x', op: 'in', value: [0, 'a', true, [], {}] },
    denies: (args) =>
      [0, 'a', true, [], {}].some(
        (it) => own(args, 'x') !== undefined && isDeepStrictEqual(it, plain(own(args, 'x'))),
      ),
  },
}

/** The value as a program writes it again: JSON knows one zero. */
function plain(value: unknown): unknown {
  return readJson(JSON.stringify(value ?? null))
}

const POLICY = {
  version: '1',
  default: 'allow',
  tools: Object.fromEntries(
    Object.entries(probes).map(([name, { condition }]) => [name, { deny_if: [{ conditions: [condition] }] }]),
  ),
}

interface Case {
  readonly probe: string
  readonly text: string
}

const cases: fc.Arbitrary<Case> = fc.record({
  probe: fc.constantFrom(...Object.keys(probes)),
  text: fc.oneof(
    objectText,
    valueText.map((text) => `{"x":${text}}`),
    valueText.map((text) => `{"list":[${text}]}`),
  ),
})

/** @returns the proof, and how the calls ended */
export async function proveDecisions(
  gatewayUrl: string,
  trials: Trials,
): Promise<Proof & { readonly arrived: number; readonly denied: number; readonly refused: number }> {
  const world = await startProofWorld(gatewayUrl, `decisions-${trials.seed}`, POLICY, {
    tools: Object.keys(probes),
    isHonest: true,
  })
  const count = { arrived: 0, denied: 0, refused: 0 }
  try {
    const tokens: string[] = []
    for (let lane = 0; lane < trials.lanes; lane++) tokens.push(await world.token(lane))
    const proof = await prove<Case>(trials, (lane) => ({
      cases,
      holds: async (one) => {
        const asking = holds(
          one,
          `${gatewayUrl}/mcp/${liarOf(lane)}`,
          tokens[lane] ?? '',
          world.liar.lane(lane),
        )
        count[await within('it is answered', BOUND_MS, asking)] += 1
      },
    }))
    return { ...proof, ...count }
  } finally {
    await world.stop()
  }
}

async function holds(
  { probe, text }: Case,
  url: string,
  token: string,
  lane: Lane,
): Promise<'arrived' | 'denied' | 'refused'> {
  lane.calls.length = 0
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': probe,
    },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${probe}","arguments":${text},"_meta":${META}}}`,
  })
  const { answers, text: said } = await endingOf(response)
  if (response.status >= 500) throw new Error(`HTTP ${response.status}: ${said}`)
  const [answer] = answers
  const [arrived, ...others] = lane.calls
  const sent = readJson(text) as Arguments
  const denies = probes[probe]?.denies
  if (denies === undefined || answer === undefined) throw new Error(`no answer: ${said}`)
  if (others.length > 0) throw new Error('it arrived twice')
  if (arrived !== undefined) {
    const parsed = arrived.arguments as Arguments
    if (!isDeepStrictEqual(parsed, plain(sent))) throw new Error(`it arrived as ${JSON.stringify(parsed)}`)
    if (arrived.name !== probe) throw new Error(`it arrived as a call of ${String(arrived.name)}`)
    if (denies(parsed)) throw new Error(`it arrived, although the rule denies what arrived: ${arrived.text}`)
    const lost = lostNumber(text)
    if (lost !== null) throw new Error(`it arrived, although it says ${lost}: ${arrived.text}`)
    if (isFailure(answer)) throw new Error(`it arrived and was answered ${said}`)
    return 'arrived'
  }
  if (!isFailure(answer)) throw new Error(`it did not arrive and was answered ${said}`)
  if (said.includes('"denied"')) {
    // What is no number of JSON to anybody is shut out by whatever rule cannot judge it.
    if (!denies(sent) && lostNumber(text) === null)
      throw new Error(`it was denied, although the rule does not deny what was sent: ${said}`)
    return 'denied'
  }
  if (lostNumber(text, true) === null)
    throw new Error(`it was refused, although it says nothing unfit: ${said}`)
  return 'refused'
}

const META = JSON.stringify({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'proof', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
})

/** Strings, so that what is in them is no number; and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g

/**
 * The first number of a text that no server would parse as what it says: not finite, or an integer that becomes another one.
 * @param isStrict also one in scientific notation that is rounded, but says the same when it is written again
 */
function lostNumber(text: string, isStrict = false): string | null {
  for (const [token] of text.matchAll(TOKENS)) {
    if (token.startsWith('"')) continue
    const kept = Number(token)
    if (!Number.isFinite(kept)) return token
    const meant = integerOf(token)
    if (meant !== null && BigInt(kept) !== meant && (isStrict || !isSame(token, String(kept)))) return token
  }
  return null
}

/** A number that is written in scientific notation says the same as another one that is. */
function isSame(token: string, written: string): boolean {
  return /e/i.test(token) && /e/.test(written) && integerOf(token) === integerOf(written)
}

/** The integer that a number is, however it is written; null for a fraction. */
function integerOf(token: string): bigint | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(token) ?? []
  const digits = whole + fraction
  const places = Number(exponent) - fraction.length
  if (/^0*$/.test(digits)) return 0n
  if (Math.abs(places) > 5_000) return null
  const scaled = places >= 0 ? digits + '0'.repeat(places) : digits
  if (places >= 0) return BigInt(`${sign}${scaled}`)
  const cut = digits.slice(places)
  if (!/^0*$/.test(cut)) return null
  return BigInt(`${sign}${digits.slice(0, places) || '0'}`)
}
