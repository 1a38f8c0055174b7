/** A small part of `npm run prove`, with the same cases in every run. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { proveAnswers } from './answers.ts'
import { proveDecisions } from './decisions.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`what must hold of whatever comes${missing}`, () => {
  let gateway: BareGateway
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(() => gateway?.stop())

  test('a server that lies takes nothing from a healthy one, and its client hears MCP', async () => {
    const { failures, lies } = await proveAnswers(gateway.url, {
      name: 'answers',
      seed: 1,
      runs: 300,
      lanes: 6,
    })
    expect(failures).toEqual([])
    expect(lies).toBeGreaterThan(150)
  })

  test('the policy sees what the server parses', async () => {
    const { failures, arrived, denied, refused } = await proveDecisions(gateway.url, {
      name: 'arguments',
      seed: 1,
      runs: 400,
      lanes: 6,
    })
    expect(failures).toEqual([])
    expect(Math.min(arrived, denied, refused)).toBeGreaterThan(5)
  })
})
