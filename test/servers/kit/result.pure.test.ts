/** Text and structure of the gateway's own results say the same, for they are made in one place. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CallToolResult } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failure, passedOn, success, withoutStructure } from '../../../src/servers/kit/result.ts'
import { type SaidTwice, saidOnce } from '../../support/says-everything.ts'

const facts = fc.dictionary(fc.stringMatching(/^[a-z_]{1,12}$/), fc.jsonValue(), { noNullPrototype: true })
const sentence = fc.string({ minLength: 1, unit: 'grapheme' })
const code = fc.stringMatching(/^[a-z_]{1,20}$/)
const textOf = (result: CallToolResult) => (result.content as { text: string }[]).map(({ text }) => text)
const other = (record: Record<string, unknown>) => {
  const { message: _, code: __, error: ___, ...rest } = record
  return rest
}

describe('whatever is said', () => {
  test('a result has its message first, and every fact twice', () => {
    fc.assert(
      fc.property(sentence, facts, (message, given) => {
        const said = other(given)
        const result = success(message, said)
        expect(saidOnce(result as SaidTwice)).toEqual([])
        const [first, second] = textOf(result)
        expect(first).toBe(message)
        const alsoSaid = second === undefined ? {} : JSON.parse(second)
        expect({ message, ...alsoSaid }).toEqual(JSON.parse(JSON.stringify(result.structuredContent)))
      }),
    )
  })

  test('an error is one block that reads as an error, and says every fact twice', () => {
    fc.assert(
      fc.property(code, sentence, facts, (name, message, given) => {
        const said = other(given)
        const result = failure(name, message, said)
        for (const form of [result, withoutStructure(result)]) expect(saidOnce(form as SaidTwice)).toEqual([])
        expect(withoutStructure(result).structuredContent).toBeUndefined()
        expect(result.content).toHaveLength(1)
        const [text = ''] = textOf(result)
        const head = `${message}\nError: `
        expect(text.slice(0, head.length)).toBe(head)
        expect(JSON.parse(text.slice(head.length))).toEqual(
          JSON.parse(JSON.stringify({ code: name, ...said })),
        )
      }),
    )
  })

  test('a document of somebody else stands in both as it is', () => {
    fc.assert(
      fc.property(facts, (document) => {
        const result = passedOn(document)
        expect(JSON.parse(textOf(result).join())).toEqual(
          JSON.parse(JSON.stringify(result.structuredContent)),
        )
      }),
    )
  })
})

test('the check itself sees what is missing on either side', () => {
  const both = { content: [{ text: 'Done.' }, { text: '{"rule":"r"}' }] }
  expect(saidOnce({ ...both, structuredContent: { message: 'Done.', rule: 'r' } })).toEqual([])
  expect(saidOnce({ ...both, structuredContent: { message: 'Done.', rule: 's' } })).toHaveLength(2)
  expect(saidOnce({ ...both, structuredContent: { message: 'Done.', rule: 'r', more: 1 } })).toHaveLength(2)
  expect(saidOnce({ ...both, structuredContent: { rule: 'r' } })).toEqual(['only in the text: "Done."'])
  expect(saidOnce({ ...both, structuredContent: { message: 'Done.' } })).toHaveLength(1)
  const error = { isError: true, structuredContent: { error: { code: 'c', message: 'Wait 7 s.' } } }
  const [said, label] = ['Wait 7 s.', 'Error: {"code":"c"}']
  expect(saidOnce({ ...error, content: [{ text: `${said}\n${label}` }] })).toEqual([])
  expect(saidOnce({ ...error, content: [{ text: `${said}\n{"code":"c"}` }] })).not.toEqual([])
  expect(saidOnce({ ...error, content: [{ text: said }, { text: label }] })).not.toEqual([])
})

test('no other file makes text or structure of a result', () => {
  const src = fileURLToPath(new URL('../../../src', import.meta.url))
  const makes = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /\bstructuredContent:|\bisError: /.test(readFileSync(join(src, file), 'utf8')))
  expect(makes).toEqual([join('servers', 'kit', 'result.ts')])
})
