/** A server's own words on a refusal: for its administrator, and never what was sent. */
import { describe, expect, test } from 'vitest'
import type { UpstreamProblem } from '../../src/contract/upstream.ts'
import type { Hold } from '../../src/upstream/http.ts'
import { problemIn } from '../../src/upstream/http.ts'
import type { UpstreamLink } from '../../src/upstream/link.ts'
import { inOwnWords } from '../../src/upstream/own-words.ts'
import { forAdministrators, describe as inWords, problemOf } from '../../src/upstream/problem.ts'
import { Watchdog } from '../../src/upstream/watchdog.ts'

const linkOf = () => ({ credentials: {} }) as unknown as UpstreamLink
const TOKEN = 'upstream-token-of-the-gateway'
const SESSION = 'session-of-the-gateway'

async function refused(
  body: string,
  { status = 403, credentials = {}, sent = null as object | null } = {},
): Promise<UpstreamProblem> {
  const link = { ...linkOf(), credentials }
  const hold: Hold = {
    link,
    watchdog: new Watchdog(1_000, 1_000),
    sent: { body: sent === null ? null : JSON.stringify(sent), sessionId: SESSION },
    end: () => {},
  }
  const response = new Response(body, { status, headers: { 'content-type': 'text/plain' } })
  const problem = problemIn(response, link) ?? problemOf('broken', 'x')
  const told = await inOwnWords(problem, response, hold)
  hold.watchdog.stop()
  return told
}

describe('what a refusal says', () => {
  test('is told with its first 500 characters, on one line, to administrators alone', async () => {
    const told = await refused(`Access is only allowed at\n\tlocalhost\u001b[31m:8080 ${'x'.repeat(600)}`)
    expect(told.detail).toMatch(/^Access is only allowed at localhost \[31m:8080 x+$/)
    expect(told.detail).toHaveLength(500)
    expect(forAdministrators(told)).toMatch(/^refused the request \(HTTP 403\); it says: Access is only/)
    expect(inWords('crm', told)).toBe(
      'The server "crm" refused the request (HTTP 403). The call was not carried out.',
    )
  })

  test.each<readonly [number, object, string]>([
    [401, {}, 'asks for credentials, and none are configured (HTTP 401)'],
    [401, { authorization: TOKEN }, "refused the gateway's credentials (HTTP 401)"],
    [403, {}, 'refused the request (HTTP 403)'],
    [403, { authorization: TOKEN }, "refused the request, or the gateway's credentials (HTTP 403)"],
  ])('HTTP %i with the credentials %j: %s', async (status, credentials, message) => {
    const told = await refused('no', { status, credentials: credentials as Record<string, string> })
    expect([told.message, told.detail, told.failure, told.isUndone]).toEqual([
      message,
      'no',
      'unauthorized',
      true,
    ])
  })

  test.each<readonly [string, string, object | null]>([
    ['a credential', `the token ${TOKEN} has expired`, null],
    ['a credential, otherwise cased', `Bearer ${TOKEN.toUpperCase()}`, null],
    ['the session', `session ${SESSION} is not yours`, null],
    [
      'an argument',
      'you may not send mail to Ana.Lopez@example.com',
      {
        method: 'tools/call',
        params: { name: 'send', arguments: { to: { who: ['ana.lopez@example.com'] } } },
      },
    ],
    [
      'an argument, escaped',
      '{"blocked":"caf\u00e9 \\"au\\" lait"}',
      { params: { arguments: { q: 'café "au" lait' } } },
    ],
    [
      'the name of an argument',
      'account_number is required',
      { params: { arguments: { account_number: 1 } } },
    ],
    ['a number', 'no account 4929123', { params: { arguments: { account: 4929123 } } }],
    ['an address', 'a:secret-document is not for you', { params: { uri: 'a:secret-document' } }],
    ['an answer', 'your name is Anastasia', { id: 1, result: { content: { name: 'Anastasia' } } }],
  ])('is withheld where it repeats %s', async (_, body, sent) => {
    const told = await refused(body, { credentials: { authorization: `Bearer ${TOKEN}` }, sent })
    expect(told.detail).toBe('(withheld, because it repeats what was sent)')
  })

  test('may name the tool, the revision, and what is short', async () => {
    const sent = {
      method: 'tools/call',
      params: { name: 'send_mail', protocolVersion: '2025-11-25', arguments: { n: 1, a: 'the' } },
    }
    expect((await refused('the tool send_mail of 2025-11-25 is off', { sent })).detail).toBe(
      'the tool send_mail of 2025-11-25 is off',
    )
  })

  test('is not there where nothing is said, and not for what speaks for itself', async () => {
    expect((await refused(' \n')).detail).toBeUndefined()
    expect((await refused('down', { status: 502 })).detail).toBeUndefined()
  })

  test('however deep what was sent is', async () => {
    const nested = `${'['.repeat(50_000)}"abcdef"${']'.repeat(50_000)}`
    const body = `{"params":{"arguments":{"a":${nested}}}}`
    const link = linkOf()
    const response = new Response('no abcdef', { status: 403 })
    const problem = problemIn(response, link) as UpstreamProblem
    const told = await inOwnWords(problem, response, {
      link,
      watchdog: new Watchdog(1_000, 1_000),
      sent: { body, sessionId: null },
      end: () => {},
    })
    expect(told.detail).toMatch(/withheld/)
  })
})
