/**
 * A creation with an `Idempotency-Key`: the same request again has the same answer for a day, token and all. The
 * material of its secrets is stored, sealed, before the work is done, and the answer afterwards. A request whose answer
 * was lost half-way is therefore done again with the same secrets, and has the same answer.
 */
import { problem } from '../base/errors.ts'
import { sha256Hex } from '../base/sha256.ts'
import { openOrNull, repeatContext, seal, secretKeys } from '../secrets/seal.ts'
import type { Call, Route } from './route.ts'

const keyPattern = /^[\x21-\x7e]{1,200}$/

interface StoredAnswer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** Does what a route does, or gives the answer again that it had. */
export async function idempotent(route: Route, call: Call, key: string, bodyText: string): Promise<Response> {
  if (!keyPattern.test(key))
    return problem(400, 'Invalid Idempotency-Key', 'It takes 1 to 200 visible ASCII characters.')
  const keys = secretKeys(call.env)
  if (keys === null) {
    const found =
      'This deployment has no ENCRYPTION_KEYS to keep an answer with. Send no Idempotency-Key (gatehouse: --key none).'
    return problem(409, 'Conflict', found, { headers: {}, more: { problems: [found] } })
  }
  const { object, actor, tenant } = call
  const context = repeatContext(tenant, actor, key)
  const digest = await digestOf(call, bodyText)
  const sealedSeed = await seal(keys, call.seed.toHex(), `${context}/seed`)
  const before = await object.claimIdempotencyKey(actor, key, { digest, sealedSeed })
  if (before !== null && before.digest !== digest)
    return problem(422, 'Other request', 'This Idempotency-Key was used for another request.')
  if (before?.sealedAnswer) {
    // An answer that was sealed by a key that has gone counts as none.
    const stored = await openOrNull(keys, before.sealedAnswer, `${context}/answer`)
    if (stored !== null) return again(JSON.parse(stored) as StoredAnswer)
  }
  const seedHex = before === null ? null : await openOrNull(keys, before.sealedSeed, `${context}/seed`)
  const seed = seedHex === null ? call.seed : Uint8Array.fromHex(seedHex)
  const response = await route.handle({ ...call, seed })
  if (!response.ok) {
    // An earlier request's claim stays: that one may have done its work, and its seed is what the secrets are made of.
    if (before === null) await object.releaseIdempotencyKey(actor, key, digest)
    return response
  }
  const answer: StoredAnswer = {
    status: response.status,
    headers: [...response.headers],
    body: await response.text(),
  }
  // A tenant that this very request has created does not know of the key yet.
  if (before === null) await object.claimIdempotencyKey(actor, key, { digest, sealedSeed })
  await object.keepIdempotentAnswer(actor, key, await seal(keys, JSON.stringify(answer), `${context}/answer`))
  return again(answer)
}

function again({ status, headers, body }: StoredAnswer): Response {
  return new Response(body, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  })
}

/** Everything that makes it this request. */
async function digestOf({ c, expected, reason }: Call, bodyText: string): Promise<string> {
  const { method, path } = c.req
  const { search } = new URL(c.req.url)
  const text = JSON.stringify([method, path, search, expected, reason, bodyText])
  return sha256Hex(text)
}
