/** How steps become a response: it always ends, and whoever asks how the request went hears what the client was told. */
import { describe, expect, test } from 'vitest'
import type { RpcMessage } from '../../src/base/rpc.ts'
import type { Step } from '../../src/contract/exchange.ts'
import type { Delivery, Ending } from '../../src/upstream/reception.ts'
import { abortWith, respond, type Steps, stepsOf } from '../../src/upstream/steps.ts'

/** Thrown by a member that cannot be written, as JSON that nests too deeply is. */
const unwritable = {
  toJSON: () => {
    throw new RangeError('Maximum call stack size exceeded')
  },
}
const answer: RpcMessage = { jsonrpc: '2.0', id: 7, result: { content: [] } }
const note: RpcMessage = { jsonrpc: '2.0', method: 'notifications/message', params: {} }

function delivering(acceptsEvents: boolean) {
  const endings: Ending[] = []
  const delivery: Delivery = {
    acceptsEvents: () => acceptsEvents,
    rewriting: null,
    failure: ({ failure }) => ({ jsonrpc: '2.0', id: 7, error: { code: -1, message: failure } }),
    onEnd: (ending) => void endings.push(ending),
  }
  return { delivery, endings }
}

/** Says these one after the other; an error is thrown. */
function saying(...all: readonly (Step | Error)[]): Steps & { readonly isGone: () => boolean } {
  const waiting = [...all]
  let isGone = false
  return {
    next: async () => {
      const next = waiting.shift() ?? null
      if (next instanceof Error) throw next
      return next
    },
    gone: () => {
      isGone = true
    },
    isGone: () => isGone,
  }
}
const said = async (steps: Steps, acceptsEvents = true) => {
  const { delivery, endings } = delivering(acceptsEvents)
  const response = await respond(steps, delivery, new AbortController().signal)
  return { text: await response.text(), endings }
}

describe('a message that cannot be written', () => {
  const bad: RpcMessage = { jsonrpc: '2.0', id: 7, result: { unwritable } }

  test.each([true, false])('as the answer alone is a problem (events: %s)', async (acceptsEvents) => {
    const { text, endings } = await said(saying({ kind: 'answer', message: bad, status: 200 }), acceptsEvents)
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: 7, error: { code: -1, message: 'not_mcp' } })
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'not_mcp' } }])
  })

  test('as the last of a stream is a problem', async () => {
    const { text, endings } = await said(
      saying({ kind: 'note', message: note }, { kind: 'answer', message: bad, status: 200 }),
    )
    expect(text.trimEnd().split('\n').at(-1)).toContain('"message":"not_mcp"')
    expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'not_mcp' } }])
  })

  test('on the way ends the stream, and the request', async () => {
    const steps = saying(
      { kind: 'note', message: { ...note, params: { unwritable } } },
      { kind: 'answer', message: answer, status: 200 },
    )
    const { text, endings } = await said(steps)
    expect(text).toContain('"message":"not_mcp"')
    expect(endings).toHaveLength(1)
    expect(steps.isGone()).toBe(true)
  })
})

test.each([true, false])('a step that fails to come is a problem (events: %s)', async (acceptsEvents) => {
  const { text, endings } = await said(
    saying({ kind: 'note', message: note }, new Error('lost')),
    acceptsEvents,
  )
  expect(text).toContain('"message":"broken"')
  expect(endings).toMatchObject([{ kind: 'failed', problem: { failure: 'broken' } }])
})

describe('a request that is given up', () => {
  const late = () => new DOMException('late', 'TimeoutError')
  async function* waiting(signal: AbortSignal): AsyncGenerator<Step> {
    yield { kind: 'note', message: note }
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  }

  test.each([
    ['slow', late()],
    ['cancelled', undefined],
  ])('is %s', async (failure, reason) => {
    const given = new AbortController()
    const abort = abortWith(undefined, given.signal)
    const steps = stepsOf(waiting(abort.signal), abort)
    await steps.next()
    const next = steps.next()
    given.abort(reason)
    expect(await next).toMatchObject({ kind: 'problem', problem: { failure } })
  })

  test('may have been so before', () => {
    const reason = late()
    expect(abortWith(AbortSignal.abort(reason)).signal.reason).toBe(reason)
  })
})
