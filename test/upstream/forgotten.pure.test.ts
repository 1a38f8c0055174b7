/** In which words servers say that they do not know a session. */
import { describe, expect, test } from 'vitest'
import { saysForgotten, type Verdict, verdictOn } from '../../src/upstream/forgotten.ts'

const words = [
  'Bad Request: No valid session ID provided',
  'Bad Request: No valid session ID provided (send initialize first)',
  'Bad Request: No valid session. Send an initialize request first.',
  'Bad Request: No valid session ID or not an initialize request',
  'Bad Request: missing session or not an initialize request',
  'Bad Request: Mcp-Session-Id header is required',
  'Bad Request: Server not initialized',
  'Bad Request: Session ID required',
  'Invalid Request: Session not found',
  'Invalid or missing session ID',
  'Missing session ID',
  'Missing Mcp-Session-Id header',
  'missing or invalid Mcp-Session-Id',
  'Not Found: Unknown Mcp-Session-Id header',
  'Not Found: MCP session is unknown or expired on this API instance.',
  'Unauthorized: Session not found',
  'Unprocessable Entity: Unexpected message, expect initialize request',
  'No active session',
  'No session',
  'No transport found for sessionId',
  'Session expired',
  'Session has been terminated',
  'Session has timed out',
  'Session not found or expired',
  'Session not initialized',
  'session not found: 4f1c',
  'Session 4f1c does not exist',
  "This session doesn't exist any more",
  'Could not find session 4f1c',
  'Unknown session',
  'Invalid session ID',
  '{"error":"Invalid or missing session ID"}',
  '{"detail":"Session expired"}',
  '<html><body><h1>400 Bad Request</h1><p>Session <b>4f1c</b> is not valid</p></body></html>',
  'Sesión no encontrada',
  '会话不存在',
]

const others = [
  'Card was charged, but the checkout session could not be confirmed',
  'There is no customer of this name',
  'Bad Request: Unsupported protocol version: 1',
  'Not Acceptable: Client must accept both application/json and text/event-stream',
  'Parse error: Invalid JSON',
  'Method not found',
  'Tool call failed to initialize the database connection',
  'limit must be positive',
  '',
]

test.each(words)('%s', (text) => {
  expect(saysForgotten(text)).toBe(true)
  expect(verdictOn(400, text, 7)).toBe('forgotten')
  expect(verdictOn(200, text, 7)).toBe('known')
})

test.each(others)('not: %s', (text) => {
  expect(saysForgotten(text)).toBe(false)
  expect(verdictOn(400, text, 7)).toBe('known')
})

describe('of an answer', () => {
  const error = (message: string, id: unknown = null, code = -32_000) =>
    JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })
  const events = (text: string) => `event: message\ndata: ${text}\n\n`

  test.each<readonly [string, number, string, Verdict]>([
    ['404 without a word', 404, '', 'forgotten'],
    ['404 in HTML', 404, '<h1>Not Found</h1>', 'forgotten'],
    ['404 to nobody', 404, error('Nothing here'), 'forgotten'],
    ['404 to another request', 404, error('Nothing here', 8), 'forgotten'],
    ['404 to the request, about the session', 404, error('Session not found', 7), 'forgotten'],
    ['404 to the request, about something else', 404, error('There is no customer of this name', 7), 'over'],
    ['404 to the request, in events', 404, events(error('No such tool', 7)), 'over'],
    ['410', 410, 'Gone', 'forgotten'],
    ['400 to nobody, in JSON', 400, error('No valid session ID provided'), 'forgotten'],
    ['400 under an empty id', 400, error('Session not found', ''), 'forgotten'],
    ['400 under a made-up id', 400, error('Missing session ID', 'server-error'), 'forgotten'],
    ['400 to nobody, in events', 400, events(error('Session expired')), 'forgotten'],
    ['400 to the request', 400, error('Bad Request: No valid session ID provided', 7), 'forgotten'],
    [
      '400 to the request, in events',
      400,
      events(error('Invalid Request: Session not found', 7)),
      'forgotten',
    ],
    ['400 to the request, of some session', 400, error('Session not found', 7), 'ambiguous'],
    ['400 for an argument of the tool', 400, error('session_id is required', 7, -32_602), 'known'],
    ['400 for something else', 400, error('Card declined', 7), 'known'],
    ['401 that says so', 401, 'Unauthorized: Session not found', 'forgotten'],
    ['401', 401, '{"error":"invalid_token"}', 'known'],
    ['422 that says so', 422, 'Unexpected message, expect initialize request', 'forgotten'],
    ['503 that says so', 503, error('MCP session is unknown'), 'forgotten'],
    ['500 to the request', 500, error('Session not found', 7), 'known'],
    // Who failed may have begun: sent again, the call could be made twice.
    ['500 that says so', 500, '<h1>Session expired</h1>', 'over'],
    ['502 to nobody', 502, error('The session was terminated'), 'over'],
    ['504 of a proxy', 504, 'The upstream session timed out', 'over'],
    ['500 for something else', 500, 'Internal Server Error', 'known'],
  ])('%s', (_, status, text, verdict) => {
    expect(verdictOn(status, text, 7)).toBe(verdict)
  })

  test('a long one that mentions a session speaks of something else', () => {
    const long = `Session ID required by the bank. ${'And so on. '.repeat(40)}`
    expect(verdictOn(400, error(long, 7), 7)).toBe('known')
  })
})
