/** Commands that take something away for good ask first. */

import { describe, expect, test } from 'vitest'
import { commands, nameOf } from '../../src/cli/commands.ts'
import type { HttpReply, HttpRequest } from '../../src/cli/kit/outcome.ts'
import { gatehouse } from '../support/node/cli.ts'

const variables = {
  GATEHOUSE_URL: 'http://127.0.0.1:9',
  GATEHOUSE_TOKEN: 'any-token-at-all',
  GATEHOUSE_TENANT: 'acme',
}

/** Each destroying command, and a part of the question that it asks. */
const lines: readonly (readonly [line: string, asks: string])[] = [
  ['tenant delete acme', 'Delete the tenant acme with everything that it has?'],
  ['server remove crm', 'Remove the server crm, its pins included?'],
  ['policy remove readers', 'Remove the policy readers?'],
  ['grant revoke bot', 'Revoke the grant bot for good?'],
  ['person remove ana', 'Remove the person ana'],
  ['person revoke-token ana', 'Revoke all tokens of ana?'],
  ['secret remove key', 'Remove the secret key?'],
  ['webhook remove oncall', 'Remove the webhook oncall'],
  ['session end s-1 --grant bot', 'End the session s-1?'],
  ['session end --grant bot', 'End every session of the grant bot?'],
  ['session end --account ana', 'End every session of the account ana?'],
  ['session end --account ana --grant bot', 'End every session of the account ana in the grant bot?'],
]

async function ask(line: string, answer: boolean | null) {
  let sent = 0
  let question = ''
  // Before it asks, a command may look at what else the deed would change.
  const send = async ({ method }: HttpRequest): Promise<HttpReply> => {
    if (method !== 'GET') sent += 1
    return { ok: false, reason: 'enough' }
  }
  const asked = (text: string) => {
    question = text
  }
  const printed = await gatehouse(line.split(' '), {}, { variables, answer, asked, send })
  return { ...printed, sent, question }
}

describe.each(lines)('%s', (line, asks) => {
  test('changes nothing where nobody says yes', async () => {
    const unasked = await ask(line, null)
    expect(unasked).toMatchObject({ code: 1, sent: 0 })
    expect(unasked.err).toMatch(/: nothing was done; with --yes it is\n$/)
    expect(await ask(line, false)).toMatchObject({ code: 1, sent: 0 })
    expect(await ask(`${line} --json`, true)).toMatchObject({ code: 1, sent: 0, question: '' })
  })

  test('says what it is about to do, and does it once somebody says yes', async () => {
    const agreed = await ask(line, true)
    expect(agreed.question).toContain(asks)
    expect(agreed.sent).toBe(1)
    expect(await ask(`${line} --yes`, null)).toMatchObject({ sent: 1, question: '' })
  })
})

test('every command whose name says that it destroys is one of them', () => {
  const destroying = /^(delete|remove|revoke|revoke-token|end|purge|forget)$/
  const named = commands.filter(({ name }) => destroying.test(name)).map(nameOf)
  const covered = new Set(lines.map(([line]) => `gatehouse ${line.split(' ').slice(0, 2).join(' ')}`))
  expect(named.filter((name) => !covered.has(name))).toEqual([])
  for (const command of commands.filter((it) => named.includes(nameOf(it))))
    expect(command.options.map(({ name }) => name)).toContain('yes')
})
