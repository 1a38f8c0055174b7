import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readHeaders } from '../../src/request/header-texts.ts'

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/)
const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/)

test('every header is what the request itself says', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), name, (pairs, other) => {
      const headers = new Headers()
      for (const [one, text] of pairs) if (one.toLowerCase() !== 'set-cookie') headers.append(one, text)
      const read = readHeaders(headers)
      for (const one of [...pairs.map(([it]) => it), other].map((it) => it.toLowerCase()))
        expect(read.texts.get(one) ?? null).toBe(headers.get(one))
      let size = 0
      for (const [one, text] of headers) size += one.length + text.length
      expect(read.size).toBe(size)
    }),
  )
})

test('several of one name are one text, and a header that there is not is none', () => {
  const headers = new Headers([
    ['accept', 'application/json'],
    ['Accept', 'text/event-stream'],
  ])
  const read = readHeaders(headers)
  expect(read.texts.get('accept')).toBe('application/json, text/event-stream')
  expect(read.texts.get('__proto__')).toBeUndefined()
  expect(read.texts.get('origin')).toBeUndefined()
})
