/** Answers of upstreams on their way to the client: whatever goes wrong, its last word is a JSON-RPC answer. */
import { describe, expect, test, vi } from 'vitest'
import { rewritingFor } from '../../src/forward/rewriting.ts'
import { WHOLE_BYTES } from '../../src/upstream/receive.ts'
import { LINGER_MS } from '../../src/upstream/receive-events.ts'
import { unchanged } from '../../src/upstream/reception.ts'
import { EventWatch } from '../../src/upstream/watch.ts'
import { received } from '../support/reception.ts'

const JSON_ = 'application/json'
const EVENTS = 'text/event-stream'
const answer = (text = 'ok') => ({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text }] } })
const event = (message: object, lines = '') => `${lines}event: message\ndata: ${JSON.stringify(message)}\n\n`
const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }
const failed = (code: string) => ({ jsonrpc: '2.0', id: 7, error: { code: -1, message: code } })

/** The answer as a client finds it in a stream. */
function answerIn(text: string): unknown {
  const watch = new EventWatch(7, text.length)
  watch.push(text)
  return watch.answer
}

describe('small JSON', () => {
  test('passes byte by byte, with the headers of limits', async () => {
    const text = `{ "jsonrpc":"2.0",\n "id": 7, "result": {} }`
    const { response, endings, holds } = await received(JSON_, [text.slice(0, 9), text.slice(9)], {
      headers: { ratelimit: '"x";r=1' },
    })
    expect([await response.text(), response.headers.get('ratelimit')]).toEqual([text, '"x";r=1'])
    expect(response.headers.get('content-type')).toBe(JSON_)
    expect(endings).toMatchObject([{ kind: 'answered', status: 200 }])
    expect(holds).toEqual([null])
  })

  test.each([
    ['{"jsonrpc"', 'upstream_broken'],
    ['[]', 'upstream_broken'],
    [JSON.stringify({ ...answer(), id: 8 }), 'upstream_broken'],
    ['', 'upstream_broken'],
  ])('%j is a failure', async (text, code) => {
    const { response, endings, holds } = await received(JSON_, [text])
    expect([response.status, await response.json()]).toEqual([200, failed(code)])
    expect([endings.length, holds.length]).toEqual([1, 1])
    expect(endings[0]?.kind).toBe('failed')
  })

  test.each([
    [{ ...answer(), error: null }, answer()],
    [
      { jsonrpc: '2.0', id: 7, result: null, error: { code: -5, message: 'no' } },
      { jsonrpc: '2.0', id: 7, error: { code: -5, message: 'no' } },
    ],
  ])('loses the member that is null: %j', async (sent, wanted) => {
    for (const rewriting of [null, rewritingFor('crm', 7)]) {
      const { response, endings } = await received(JSON_, [JSON.stringify(sent)], { rewriting })
      expect(await response.json()).toStrictEqual(wanted)
      expect(endings).toMatchObject([{ kind: 'answered', message: wanted }])
    }
  })

  test('of any depth is answered, whether or not it can be written again', async () => {
    const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`
    const text = `{"jsonrpc":"2.0","id":7,"result":{"content":[],"x":${deep}}}`
    const { response, endings } = await received(JSON_, [text], { rewriting: rewritingFor('crm', 7) })
    expect((await response.text()).slice(0, 22)).toBe('{"jsonrpc":"2.0","id":'.slice(0, 22))
    expect(endings).toHaveLength(1)
  })

  test('that breaks off is a failure', async () => {
    const { response, endings } = await received(JSON_, ['{"jsonrpc":'], { ends: 'broken' })
    expect(await response.json()).toEqual(failed('upstream_broken'))
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
  })

  test('that stops is a failure once it has been quiet for too long', async () => {
    const { response, endings } = await received(JSON_, ['{"jsonrpc":'], {
      ends: false,
      config: { idleSeconds: 0.05 },
    })
    expect(await response.json()).toEqual(failed('upstream_timeout'))
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'timeout' } }])
  })

  test.each([
    [302, 'upstream_refused'],
    [401, 'upstream_refused'],
    [429, 'upstream_rate_limited'],
    [502, 'upstream_unavailable'],
    [522, 'upstream_unavailable'],
  ])('HTTP %i is a failure, whatever its body says', async (status, code) => {
    const { response, source } = await received(JSON_, ['{"secret":'], { status, ends: false })
    expect([response.status, await response.json()]).toEqual([200, failed(code)])
    expect(source.isCancelled()).toBe(true)
  })

  test.each([403, 404, 422, 500, 502, 503])(
    'HTTP %i with an error under its id is an answer',
    async (status) => {
      const error = failed('no such record')
      for (const [type, text] of [
        [JSON_, JSON.stringify(error)],
        ['text/plain', JSON.stringify(error)],
        [EVENTS, event(error)],
      ] as const) {
        const { response, endings, holds } = await received(type, [text.slice(0, 9), text.slice(9)], {
          status,
        })
        const got = await response.text()
        expect(got.startsWith('{') ? JSON.parse(got) : answerIn(got)).toEqual(error)
        expect(endings).toEqual([{ kind: 'answered', message: error, status }])
        expect(holds).toEqual([null])
      }
    },
  )

  test.each([
    ['another id', 500, { ...failed('x'), id: 8 }],
    ['no id', 500, { ...failed('x'), id: null }],
    ['credentials', 401, failed('x')],
    ['too many requests', 429, failed('x')],
  ])('an error of %s is none', async (_, status, error) => {
    const { endings } = await received(JSON_, [JSON.stringify(error)], { status })
    expect(endings).toMatchObject([{ kind: 'failed', problem: { status } }])
  })

  test('of an error of the protocol keeps its status', async () => {
    const error = failed('no such method')
    const { response } = await received(JSON_, [JSON.stringify(error)], { status: 404 })
    expect([response.status, await response.json()]).toEqual([404, error])
  })
})

describe('large JSON', () => {
  const long = 'x'.repeat(WHOLE_BYTES)
  const text = JSON.stringify(answer(long), null, 1)
  const pieces = [text.slice(0, 1_000), text.slice(1_000, WHOLE_BYTES), text.slice(WHOLE_BYTES)]

  test('becomes one event, its line breaks blanks', async () => {
    const { response, endings, holds } = await received(JSON_, pieces)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, EVENTS])
    const got = await response.text()
    expect(answerIn(got)).toEqual(answer(long))
    expect(got.split('\n')).toHaveLength(4)
    expect(endings).toEqual([{ kind: 'answered', message: 'cut', status: 200 }])
    expect(holds).toEqual([null])
  })

  test('that is no object is abandoned, and then answered', async () => {
    for (const [first, last] of [
      ['<html>', '}'],
      [' [', ' ]'],
      ['{', ']\n'],
      ['{', '</html>'],
    ] as const) {
      const cut = [first + 'x'.repeat(WHOLE_BYTES), 'x'.repeat(9), last]
      const { response, endings } = await received(JSON_, cut)
      const got = await response.text()
      // Of an array nothing has gone out that would have to be taken back.
      expect(got.includes('\nevent: abandoned\n\n')).toBe(first !== ' [')
      expect(answerIn(got)).toEqual(failed('upstream_broken'))
      expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'not_mcp' } }])
      if (first !== '{') expect(got).not.toContain('xxx')
    }
    const plain = await received(JSON_, ['<html>', 'x'.repeat(WHOLE_BYTES)], { acceptsEvents: () => false })
    await expect(plain.response.text()).rejects.toThrow()
  })

  test('that ends behind an inner brace is abandoned, and then answered', async () => {
    const cut = [`{"result":{"content":[${'{},'.repeat(WHOLE_BYTES / 3)}`, '{}']
    const { response, endings } = await received(JSON_, cut)
    expect(answerIn(await response.text())).toEqual(failed('upstream_broken'))
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'not_mcp' } }])
    const plain = await received(JSON_, cut, { acceptsEvents: () => false })
    await expect(plain.response.text()).rejects.toThrow()
  })

  test('may stand between blanks', async () => {
    const { response } = await received(JSON_, [' \n', ...pieces, ' ', '\n'])
    expect(answerIn(await response.text())).toEqual(answer(long))
  })

  test('stays JSON for a client that takes no events', async () => {
    const { response } = await received(JSON_, pieces, { acceptsEvents: () => false })
    expect([response.headers.get('content-type'), await response.text()]).toEqual([JSON_, text])
  })

  test('that breaks off is abandoned, and then answered', async () => {
    const { response, source, endings, holds } = await received(
      JSON_,
      pieces.slice(0, 2).concat('x'.repeat(99)),
      {
        ends: false,
      },
    )
    source.break()
    const got = await response.text()
    expect(got).toContain('\nevent: abandoned\n\n')
    expect(answerIn(got)).toEqual(failed('upstream_broken'))
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
    expect(holds).toMatchObject([{ failure: 'broken' }])
  })

  test('that breaks off breaks off for a client that takes no events', async () => {
    const cut = pieces.slice(0, 2).concat('x'.repeat(99))
    const { response, source, endings } = await received(JSON_, cut, {
      ends: false,
      acceptsEvents: () => false,
    })
    source.break()
    await expect(response.text()).rejects.toThrow()
    expect(endings).toMatchObject([{ kind: 'failed' }])
  })

  describe('in an array', () => {
    const array = [`\ufeff [${JSON.stringify(progress)},\n7,`, ...pieces, ', {"id":8,"result":{}}]']

    test('passes message by message, as a single one of that size does', async () => {
      for (const rewriting of [null, unchanged]) {
        const { response, endings, holds } = await received(JSON_, array, { rewriting })
        expect(response.headers.get('content-type')).toBe(EVENTS)
        const got = await response.text()
        expect(got.startsWith(event(progress))).toBe(true)
        expect(answerIn(got)).toEqual(answer(long))
        expect(endings).toMatchObject([{ kind: 'answered', status: 200 }])
        expect(holds).toEqual([null])
      }
    })

    test('is its answer alone for a client that takes no events, and the rest is not read', async () => {
      const { response, source, endings } = await received(JSON_, array, {
        ends: false,
        acceptsEvents: () => false,
      })
      expect([response.headers.get('content-type'), await response.json()]).toEqual([JSON_, answer(long)])
      expect(source.isCancelled()).toBe(true)
      expect(endings).toMatchObject([{ kind: 'answered' }])
    })

    test.each([
      [
        'with the answer to another request',
        [`[{"jsonrpc":"2.0","id":8,"result":{"x":"`, long, '"}}]'],
        'wrong_id',
      ],
      ['of no message', ['["', long, '", 7]'], 'not_mcp'],
      ['that has no end', ['[{"method":"x","params":"', long, '"}'], 'not_mcp'],
    ] as const)('%s is a failure, to whatever client', async (_, body, failure) => {
      for (const rewriting of [null, unchanged]) {
        const { response, endings } = await received(JSON_, [...body], { rewriting })
        expect(answerIn(await response.text())).toEqual(failed('upstream_broken'))
        expect(endings).toMatchObject([{ kind: 'failed', problem: { failure } }])
      }
      const plain = await received(JSON_, [...body], { acceptsEvents: () => false })
      expect(await plain.response.json()).toEqual(failed('upstream_broken'))
    })

    test('that breaks off in a message passes nothing of it', async () => {
      const { response, source, endings } = await received(JSON_, ['[', ...pieces.slice(0, 2)], {
        ends: false,
      })
      source.break()
      const got = await response.text()
      expect(got).not.toContain('xxx')
      expect(answerIn(got)).toEqual(failed('upstream_broken'))
      expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
    })

    test('that is larger than an answer may be is cut off, however many messages it has', async () => {
      const note = JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { x: 'x'.repeat(1_000) } })
      const many = ['[', ...Array.from({ length: 500 }, () => `${note},`)]
      for (const accepts of [true, false]) {
        const { response, source, endings } = await received(JSON_, many, {
          ends: false,
          config: { maxResponseBytes: WHOLE_BYTES + 5_000 },
          acceptsEvents: () => accepts,
        })
        const got = await response.text()
        expect(accepts ? answerIn(got) : JSON.parse(got)).toEqual(failed('upstream_too_large'))
        expect(source.isCancelled()).toBe(true)
        expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'too_large' } }])
      }
    })

    test('counts as many messages as a small one: an answer behind them is none', async () => {
      const note = JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { x: 'x'.repeat(300) } })
      const many = ['[', ...Array.from({ length: 1_000 }, () => `${note},`), JSON.stringify(answer()), ']']
      const { response, endings } = await received(JSON_, many)
      expect(answerIn(await response.text())).toEqual(failed('upstream_broken'))
      expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'wrong_id' } }])
    })
  })

  test('that is larger than it may be is cut off, and the server rid of it', async () => {
    const { response, source, endings } = await received(JSON_, [...pieces, 'x'.repeat(WHOLE_BYTES)], {
      ends: false,
      config: { maxResponseBytes: WHOLE_BYTES + 5_000 },
    })
    expect(answerIn(await response.text())).toEqual(failed('upstream_too_large'))
    expect(source.isCancelled()).toBe(true)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'too_large' } }])
  })

  test('that nobody waits for any more is not read any more', async () => {
    const { response, source, endings, holds } = await received(JSON_, pieces, { ends: false })
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect(source.isCancelled()).toBe(true)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'cancelled' } }])
    expect(holds).toMatchObject([{ failure: 'cancelled' }])
  })
})

test.each([JSON_, EVENTS])('an answer without a body, which claims to be %s, is a failure', async (type) => {
  for (const status of [204, 205]) {
    const { response, endings } = await received(type, [], { status })
    expect(await response.json()).toEqual(failed('upstream_unavailable'))
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'http_error', status } }])
  }
})

describe('a stream', () => {
  test('passes as it is, in the pieces that it comes in', async () => {
    const { response, source, endings } = await received(EVENTS, [': open\n\n'], { ends: false })
    const reader = response.body?.getReader()
    const next = async () => new TextDecoder().decode((await reader?.read())?.value)
    expect(await next()).toBe(': open\n\n')
    source.send('event: mess')
    expect(await next()).toBe('event: mess')
    source.send(`age\ndata: ${JSON.stringify(answer())}\n\n`)
    await next()
    expect(endings).toEqual([])
    source.end()
    expect((await reader?.read())?.done).toBe(true)
    expect(endings).toEqual([{ kind: 'answered', message: answer(), status: 200 }])
  })

  test.each([
    ['between two events', event(progress), ''],
    ['in the middle of one', `${event(progress)}event: message\ndata: {"jsonrpc"`, '\nevent: abandoned\n\n'],
    // A line end more would be the empty line that makes it an event.
    ['behind the data of its answer', event(answer()).slice(0, -1), 'event: abandoned\n\n'],
    ['behind it with another line end', 'data: {}\r', 'event: abandoned\n\n'],
    ['behind it with both line ends', 'data: {}\r\n', 'event: abandoned\n\n'],
  ])('that breaks off %s is answered', async (_, text, closing) => {
    const { response, source, endings } = await received(EVENTS, [text], { ends: false })
    setTimeout(() => source.break(), 5)
    const got = await response.text()
    expect(got).toBe(`${text}${closing}${event(failed('upstream_broken'))}`)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
  })

  test('that goes on behind its answer ends soon, and the server is rid of it', async () => {
    for (const rewriting of [null, rewritingFor('crm', 7)]) {
      const { response, source, endings, holds } = await received(EVENTS, [event(answer())], {
        ends: false,
        rewriting,
      })
      const beat = setInterval(() => source.send(': still here\n\n'), 50)
      const from = Date.now()
      const got = await response.text()
      clearInterval(beat)
      expect(answerIn(got)).toEqual(answer())
      expect(Date.now() - from).toBeLessThan(LINGER_MS * 4)
      expect(source.isCancelled()).toBe(true)
      expect(endings).toEqual([{ kind: 'answered', message: answer(), status: 200 }])
      expect(holds).toEqual([null])
    }
  })

  test('whose client does not read on settles behind its answer all the same', async () => {
    const { response, endings, source } = await received(EVENTS, [event(answer())], { ends: false })
    await response.body?.getReader().read()
    await vi.waitFor(() => expect(endings).toHaveLength(1), LINGER_MS * 4)
    expect(source.isCancelled()).toBe(true)
  })

  test('that breaks off behind its answer was answered', async () => {
    const { response, source, endings } = await received(EVENTS, [event(answer())], { ends: false })
    setTimeout(() => source.break(), 5)
    expect(await response.text()).toBe(event(answer()))
    expect(endings).toMatchObject([{ kind: 'answered' }])
  })

  test('that ends without an answer is answered, unless the client can come back for it', async () => {
    const lost = await received(EVENTS, [event(progress)])
    expect(answerIn(await lost.response.text())).toEqual(failed('upstream_broken'))
    const fleeting = await received(EVENTS, [event(progress, 'id: 1\n')], { mayResume: false })
    expect(answerIn(await fleeting.response.text())).toEqual(failed('upstream_broken'))
    expect(fleeting.endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
    const resumable = await received(EVENTS, [event(progress, 'id: 1\n')])
    expect(await resumable.response.text()).toBe(event(progress, 'id: 1\n'))
    expect(resumable.endings).toEqual([{ kind: 'paused', status: 200 }])
    expect(resumable.holds).toEqual([null])
  })

  test('that is quiet for too long is answered; a comment is a sign of life', async () => {
    const { response, source, endings } = await received(EVENTS, [event(progress)], {
      ends: false,
      config: { idleSeconds: 0.2 },
    })
    const from = Date.now()
    setTimeout(() => source.send(': still here\n\n'), 120)
    expect(answerIn(await response.text())).toEqual(failed('upstream_timeout'))
    expect(Date.now() - from).toBeGreaterThanOrEqual(300)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'timeout' } }])
  })

  test('may be quiet while the client answers a question, until it withdraws it', async () => {
    const ask = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} }
    const { response, source, endings } = await received(EVENTS, [event(ask)], {
      ends: false,
      config: { idleSeconds: 0.1 },
    })
    const from = Date.now()
    const withdrawn = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
    // A person may take long; signs of life in between take nothing of that.
    setTimeout(() => source.send(': ping\n\n'), 100)
    setTimeout(() => source.send(event(progress)), 200)
    setTimeout(() => source.send(event(withdrawn)), 600)
    expect(answerIn(await response.text())).toEqual(failed('upstream_timeout'))
    expect(Date.now() - from).toBeGreaterThanOrEqual(690)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'timeout' } }])
  })

  test('that pings is quiet for too long all the same', async () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
    const { response, holds } = await received(EVENTS, [event(ping)], {
      ends: false,
      config: { idleSeconds: 0.1, callSeconds: 20 },
    })
    expect(answerIn(await response.text())).toEqual(failed('upstream_timeout'))
    expect(holds).toMatchObject([{ failure: 'timeout' }])
  })

  test('whose question is never answered ends when a call must', async () => {
    const ask = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} }
    const { response, source, holds } = await received(EVENTS, [event(ask)], {
      ends: false,
      config: { idleSeconds: 0.1, callSeconds: 0.4 },
    })
    setTimeout(() => source.send(': ping\n\n'), 50)
    const from = Date.now()
    expect(answerIn(await response.text())).toEqual(failed('upstream_timeout'))
    expect(Date.now() - from).toBeGreaterThanOrEqual(390)
    // It waited for the client, which does not make it ill.
    expect(holds).toMatchObject([{ failure: 'unanswered' }])
  })

  test('that lasts longer than a call may is answered, however busy it is', async () => {
    const { response, source } = await received(EVENTS, [], {
      ends: false,
      config: { idleSeconds: 10, callSeconds: 0.2 },
    })
    const busy = setInterval(() => source.send(event(progress)), 20)
    const got = await response.text()
    clearInterval(busy)
    expect(answerIn(got)).toEqual(failed('upstream_timeout'))
  })

  test('that is larger than it may be is answered, and the server rid of it', async () => {
    const { response, source } = await received(EVENTS, [event(progress).repeat(20)], {
      ends: false,
      config: { maxResponseBytes: 1_000 },
    })
    expect(answerIn(await response.text())).toEqual(failed('upstream_too_large'))
    expect(source.isCancelled()).toBe(true)
  })

  test('that nobody waits for any more is not read any more', async () => {
    const { response, source, endings } = await received(EVENTS, [event(progress)], { ends: false })
    await response.body?.cancel()
    expect(source.isCancelled()).toBe(true)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'cancelled' } }])
  })
})

describe('several messages in one array', () => {
  const note = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } }
  const other = { ...answer('other'), id: 8 }
  const text = JSON.stringify([note, other, answer()])

  test('as JSON: become events, the answer last and nobody else’s', async () => {
    const { response, endings } = await received(JSON_, [text])
    expect(response.headers.get('content-type')).toBe(EVENTS)
    expect(await response.text()).toBe(event(note) + event(answer()))
    expect(endings).toMatchObject([{ kind: 'answered', message: answer() }])
  })

  test('as JSON, for a client that takes no events: the answer alone', async () => {
    for (const body of [text, JSON.stringify([answer()])]) {
      const { response } = await received(JSON_, [body], { acceptsEvents: () => false })
      expect([response.headers.get('content-type'), await response.json()]).toEqual([JSON_, answer()])
    }
  })

  test.each([
    ['without the answer', JSON.stringify([note, other])],
    ['of no message', '[7, null]'],
  ])('%s are a failure', async (_, body) => {
    const { response } = await received(JSON_, [body])
    expect(await response.json()).toEqual(failed('upstream_broken'))
  })

  test('in an event become one each, of which the last has the id', async () => {
    const { response, endings } = await received(EVENTS, [`: hm\nid: 1\ndata: ${text}\n\n`], {
      rewriting: rewritingFor('crm', 7),
    })
    expect(await response.text()).toBe(
      `: hm\ndata: ${JSON.stringify(note)}\n\nid: crm:7.1\ndata: ${JSON.stringify(answer())}\n\n`,
    )
    expect(endings).toMatchObject([{ kind: 'answered', message: answer() }])
  })
})

describe('a stream of one server among several', () => {
  const rewriting = rewritingFor('crm', 7)

  test('is changed event by event, and passes only whole ones', async () => {
    const ask = { jsonrpc: '2.0', id: 1, method: 'roots/list' }
    const text = `${event(progress, 'id: a\n')}${event(ask)}: hm\n\n${event(answer())}`
    const { response, endings } = await received(EVENTS, [text.slice(0, 30), text.slice(30)], { rewriting })
    const got = await response.text()
    expect(got).toContain('id: crm:7.a\n')
    expect(got).toContain('"id":"crm:1"')
    expect(answerIn(got)).toEqual(answer())
    expect(endings).toMatchObject([{ kind: 'answered' }])
  })

  test('says nothing in the name of another one', async () => {
    const forged = { ...answer('forged'), id: 8 }
    const text = [
      event(forged),
      `event: other\ndata: ${JSON.stringify(forged)}\n\n`,
      `data: ${JSON.stringify([forged])}\n\n`,
      event({ jsonrpc: '2.0', id: 8, result: 7 }),
      event({ jsonrpc: '2.0', error: { code: -1, message: 'forged' }, id: 8 }),
      'data: forged\n\n',
      'id: b\ndata: \n\n',
    ].join('')
    const mute = await received(EVENTS, [text], { rewriting })
    expect(await mute.response.text()).toBe('id: crm:7.b\ndata: \n\n')
    const open = await received(EVENTS, [text.slice(0, -'id: b\ndata: \n\n'.length) + event(answer())], {
      rewriting,
    })
    expect(await open.response.text()).toBe(event(answer()))
  })

  test.each(['other', 'error', 'Message'])(
    'an event of the type %s is no answer, whether the stream is changed or not',
    async (type) => {
      const typed = `event: ${type}\ndata: ${JSON.stringify(answer())}\n\n`
      for (const own of [rewriting, null]) {
        const { response, endings } = await received(EVENTS, [typed], { rewriting: own })
        expect(answerIn(await response.text())).toEqual(failed('upstream_broken'))
        expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
      }
    },
  )

  test('an event of an empty type is a message, whether the stream is changed or not', async () => {
    for (const own of [rewriting, null]) {
      const { response } = await received(EVENTS, [`event:\ndata: ${JSON.stringify(answer())}\n\n`], {
        rewriting: own,
      })
      expect(answerIn(await response.text())).toEqual(answer())
    }
  })

  test('whose long answer is another’s is answered', async () => {
    const forged = { ...answer('x'.repeat(WHOLE_BYTES)), id: 8 }
    const { response } = await received(EVENTS, [event(forged)], { rewriting })
    expect(await response.text()).toBe(event(failed('upstream_broken')))
  })

  test('that breaks off in the middle of an event leaves nothing of it', async () => {
    const { response, source } = await received(EVENTS, [`${event(progress)}event: message\ndata: {"x`], {
      rewriting,
      ends: false,
    })
    setTimeout(() => source.break(), 5)
    expect(await response.text()).toBe(event(progress) + event(failed('upstream_broken')))
  })

  test('with an event that is too large to be held is answered, and the server rid of it', async () => {
    const { response, source, endings } = await received(
      EVENTS,
      Array.from({ length: 10 }, (_, i) => `${i === 0 ? 'data: ' : ''}${'x'.repeat(1024 * 1024)}`),
      { rewriting, ends: false, config: { maxResponseBytes: 64 * 1024 * 1024 } },
    )
    expect(answerIn(await response.text())).toEqual(failed('upstream_too_large'))
    expect(source.isCancelled()).toBe(true)
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'too_large' } }])
  })
})
