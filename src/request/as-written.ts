/**
 * A message with the parts that must reach the other side digit by digit: the ids and tokens by which the two sides find requests again.
 * They are kept as they were written, whatever JavaScript makes of the number; any other number that would be lost is found, to be
 * refused. PURE.
 */
import { isLiteral, type NumberLiteral, parseExact } from '../base/exact-json.ts'
import { inexactNumber, isInexact, isInteger, quoted } from '../base/inexact-numbers.ts'
import { isObject } from '../base/json.ts'
import { idOf, type RequestId } from '../base/jsonrpc.ts'
import type { Message } from './message.ts'

/** A number behind the name of an id or a token that is no plain integer of at most 15 digits: most messages have none. */
const ODD_NAME = /"(?:id|requestId|progressToken)"\s*:\s*(?!(?:0|-?[1-9][0-9]{0,14})(?![0-9.eE+-]))-?[0-9]/

/**
 * Numbers behind the names of ids and tokens, wherever they stand, up to a length that JavaScript writes none in: a longer one
 * differs from what is written of it in any case.
 */
const NAMED_NUMBERS = /"(?:id|requestId|progressToken)"\s*:\s*(-?[0-9][0-9.eE+-]{0,64})/g

/** The text with its numbers as they were written, where that makes a difference; null where it makes none. Throws for what is no JSON. */
export function asWritten(text: string): unknown {
  const isOdd = inexactNumber(text) !== null || hasOddName(text)
  return isOdd ? parseExact(text) : null
}

/** Tells whether an id or a token would be written in another way. */
function hasOddName(text: string): boolean {
  if (!ODD_NAME.test(text)) return false
  for (const [, literal = ''] of text.matchAll(NAMED_NUMBERS))
    if (String(Number(literal)) !== literal) return true
  return false
}

export interface Reading {
  readonly message: Message
  readonly id: RequestId | null
  readonly lost: Lost
}

/** Numbers of a message, other than ids and tokens, that cannot be passed on as they are: the first of each kind, or null. */
export interface Lost {
  /** Anywhere in it. */
  readonly number: string | null
  /** Among the arguments of a call. */
  readonly argument: string | null
}

export const nothingLost: Lost = { number: null, argument: null }

/**
 * Reads one message whose numbers are not all as JavaScript writes them.
 * @param written the same message from `asWritten`
 * @param read reads a message of plain numbers
 */
export function readWritten(body: unknown, written: unknown, read: (plain: unknown) => Message): Reading {
  if (Array.isArray(body) && Array.isArray(written)) {
    // Each part is read once more, by itself.
    const message = read(body.map((part, index) => named(part, written[index], standIn)))
    const batch = message.kind === 'batch' ? { ...message, bodies: body, written } : message
    return { message: batch, id: null, lost: nothingLost }
  }
  const literals = namesIn(written).flatMap(({ it, name }) => (isLiteral(it[name]) ? [it[name]] : []))
  const message = read(literals.length === 0 ? body : named(body, written, standIn))
  return {
    message: literals.length === 0 ? message : withNames(message, written),
    id: idOf(written),
    lost: lostIn(written, new Set(literals)),
  }
}

/** A longer number is no id. */
const LONGEST_NAME = 64

/**
 * Stands for an id or a token while the message is looked at by code that knows JavaScript's numbers alone: a text, or what
 * no id can be. Ids and tokens are texts or integers (MCP 2025-11-25, schema, RequestId and ProgressToken).
 */
function standIn({ rawJSON: literal }: NumberLiteral): unknown {
  return literal.length <= LONGEST_NAME && isInteger(literal) ? 'as-written' : Number.NaN
}

/** Finds the ids and tokens of a message, as far as it is one. */
function namesIn(
  message: unknown,
): readonly { readonly it: Record<string, unknown>; readonly name: string }[] {
  if (!isObject(message)) return []
  const { params, method } = message
  const found = [{ it: message, name: 'id' }]
  if (!isObject(params)) return found
  if (isObject(params._meta)) found.push({ it: params._meta, name: 'progressToken' })
  if (method === 'notifications/cancelled') found.push({ it: params, name: 'requestId' })
  if (method === 'notifications/progress') found.push({ it: params, name: 'progressToken' })
  return found
}

function withNames(message: Message, written: unknown): Message {
  if (message.kind === 'refused' || message.kind === 'batch') return message
  const body: unknown = named(message.body, written, (literal) => literal)
  const id = message.kind === 'request' ? { id: idOf(written) ?? message.id } : {}
  return { ...message, ...id, body } as Message
}

/** A copy of `body`, with what `by` makes of the ids and tokens of `written`, which is the same message. */
function named(body: unknown, written: unknown, by: (literal: NumberLiteral) => unknown): unknown {
  if (!isObject(body) || !isObject(written)) return body
  const copy: Record<string, unknown> = { ...body }
  if (isObject(body.params)) {
    const params: Record<string, unknown> = { ...body.params }
    if (isObject(params._meta)) params._meta = { ...params._meta }
    copy.params = params
  }
  const from = namesIn(written)
  for (const [index, { it, name }] of namesIn(copy).entries()) {
    const literal = from[index]?.it[name]
    if (isLiteral(literal)) it[name] = by(literal)
  }
  return copy
}

function lostIn(written: unknown, kept: ReadonlySet<NumberLiteral>): Lost {
  const { params } = isObject(written) ? written : {}
  const args = isObject(params) ? params.arguments : undefined
  return { number: firstInexact(written, kept), argument: firstInexact(args, kept) }
}

/** The first number that is lost, but for those that are kept; cut as errors name it. */
function firstInexact(value: unknown, kept: ReadonlySet<NumberLiteral>): string | null {
  if (isLiteral(value)) return kept.has(value) || !isInexact(value.rawJSON) ? null : quoted(value.rawJSON)
  // It was written as JavaScript writes it, which may still be another integer than the number is.
  if (typeof value === 'number') return isInexact(String(value)) ? quoted(String(value)) : null
  if (typeof value !== 'object' || value === null) return null
  for (const inner of Object.values(value)) {
    const found = firstInexact(inner, kept)
    if (found !== null) return found
  }
  return null
}
