/** What is kept of a call that waits, as JSON. */
import { expect, test } from 'vitest'
import { contentOf, readContent } from '../../src/approvals/content.ts'
import { parseExact } from '../../src/base/exact-json.ts'

test('numbers are read as they were written, also where JavaScript knows another number', () => {
  const meta = parseExact('{"progressToken":9007199254740993}') as Record<string, unknown>
  const json = JSON.stringify(contentOf({ args: { a: 0.1 }, meta }, []))
  expect(JSON.stringify(readContent(json))).toBe(json)
  expect(json).toContain('9007199254740993')
})
