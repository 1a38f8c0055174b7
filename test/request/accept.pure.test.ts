/** Which `Accept` headers take event streams. */
import { expect, test } from 'vitest'
import { acceptsEvents } from '../../src/request/accept.ts'

const accepts = (accept: string | null) =>
  acceptsEvents(new Request('http://x/', accept === null ? {} : { headers: { accept } }))

test.each([
  'text/event-stream',
  'Text/Event-Stream',
  'application/json, TEXT/EVENT-STREAM',
  'application/json,text/event-stream; charset=utf-8',
  'TEXT/*',
  '*/*;q=0.1',
  'text/event-stream; Q=1.0',
  'text/event-stream;q=nonsense',
  '*/*;q=0, text/event-stream',
])('%s does', (accept) => expect(accepts(accept)).toBe(true))

test.each([
  null,
  '',
  'application/json',
  'text/html',
  'application/text/event-stream',
  'text/event-streams',
  'text/event-stream;q=0, application/json',
  '*/*, text/event-stream; q=0.000',
  'text/*;Q=0',
])('%s does not', (accept) => expect(accepts(accept)).toBe(false))
