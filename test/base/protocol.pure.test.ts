import * as theirs from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import * as ours from '../../src/base/protocol.ts'

test.each(Object.entries(ours))('%s is the protocol package’s', (name, value) => {
  expect(value).toEqual((theirs as unknown as Record<string, unknown>)[name])
})
