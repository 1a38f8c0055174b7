/** The commands know every member of a document that administrators write, and keep those that they are not asked to change. */
import { expect, test } from 'vitest'
import { grantCommands } from '../../src/cli/admin/grants.ts'
import { personCommands } from '../../src/cli/admin/people.ts'
import { webhookCommands } from '../../src/cli/admin/webhooks.ts'
import { documentOf } from '../../src/contract/document.ts'
import { grantSchema } from '../../src/contract/grant-document.ts'
import { personSchema } from '../../src/contract/person-document.ts'
import { webhookSchema } from '../../src/contract/webhook-document.ts'

/** Members whose option has another name. */
const named: Readonly<Record<string, string>> = { url: 'at', expires_at: 'expires' }

test.each([
  ['grant', grantSchema(), grantCommands],
  ['person', personSchema(), personCommands],
  ['webhook', webhookSchema(), webhookCommands],
])('each member of a %s has an option of `set`', (_, { shape }, commands) => {
  const options = commands.find(({ name }) => name === 'set')?.options?.map(({ name }) => name) ?? []
  const missing = Object.keys(shape).filter((member) => !options.includes(named[member] ?? member))
  expect(missing).toEqual([])
})

test('a document is the members of its schema, as far as a resource has them', () => {
  const shown = { name: 'ana', role: 'admin', email: null, tokens: 1, created_at: 'x' }
  expect(documentOf(personSchema(), shown)).toEqual({ role: 'admin', email: null })
  expect(documentOf(webhookSchema(), Object.create({ url: 'inherited' }))).toEqual({})
})
