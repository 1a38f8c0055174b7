/** The command line waits for scans that go on behind an answer, and knows which results still count. */

import { describe, expect, test } from 'vitest'
import type { Api, Json } from '../../../src/cli/gateway/api.ts'
import { type Answer, Ended } from '../../../src/cli/gateway/api.ts'
import { failedScanOf, scanProblems } from '../../../src/cli/gateway/scans.ts'
import { worldOf } from '../../support/node/cli.ts'

const answer = (body: Json): Answer => ({ status: 200, tag: null, body })

/** An API whose servers are over with their scans after so many questions; null: never. */
function apiOf(scans: Readonly<Record<string, { after: number | null; problem?: string | null }>>) {
  const asked = new Map<string, number>()
  const get = async (path: string) => {
    const name = path.split('/')[2] ?? ''
    const times = (asked.get(name) ?? 0) + 1
    asked.set(name, times)
    const { after = null, problem = null } = scans[name] ?? {}
    return answer({ last_scan: after !== null && times > after ? { problem } : null })
  }
  return { asked, api: { get } as unknown as Api }
}

describe('first scans', () => {
  test('are waited for together, and those that failed are said', async () => {
    let waits = 0
    const world = worldOf(
      {},
      {
        wait: async () => {
          waits += 1
        },
      },
    )
    const { api, asked } = apiOf({
      well: { after: 3 },
      ill: { after: 0, problem: 'It is ill.' },
      late: { after: 5, problem: 'It is late.' },
    })
    expect(await scanProblems(api, ['well', 'ill', 'late'], world)).toEqual(['It is ill.', 'It is late.'])
    expect([...asked]).toEqual([
      ['well', 4],
      ['ill', 1],
      ['late', 6],
    ])
    expect(waits).toBe(3 + 5)
  })

  test('that do not end are not waited for without end', async () => {
    let waitedMs = 0
    const world = worldOf(
      {},
      {
        wait: async (ms) => {
          waitedMs += ms
        },
      },
    )
    expect(await scanProblems(apiOf({ crm: { after: null } }).api, ['crm'], world)).toEqual([
      'The first scan of the server crm is not over after 30 s: gatehouse server scan crm asks it again, and waits.',
    ])
    expect(waitedMs).toBeLessThanOrEqual(30_000)
  })

  test('that cannot be asked about are no reason to fail', async () => {
    const get = () => Promise.reject(new Ended({ code: 2, lines: [], errors: ['no answer'], data: {} }))
    expect(await scanProblems({ get } as unknown as Api, ['crm'], worldOf({}))).toEqual([
      expect.stringContaining('could not be asked: gatehouse server status crm'),
    ])
    const broken = () => Promise.reject(new Error('a mistake of the program'))
    await expect(scanProblems({ get: broken } as unknown as Api, ['crm'], worldOf({}))).rejects.toThrow(
      'a mistake',
    )
  })
})

describe('a scan that failed', () => {
  const at = '2030-01-01T12:00:00.500Z'
  const failed = { at, ok: false, problem: 'why' }
  test.each<[string, Json, string | null]>([
    ['counts', { last_scan: failed, last_success_at: null }, 'why'],
    [
      'counts after an earlier success',
      { last_scan: failed, last_success_at: '2030-01-01T12:00:00.499Z' },
      'why',
    ],
    [
      'is past once the server has answered',
      { last_scan: failed, last_success_at: '2030-01-01T12:00:00.501Z' },
      null,
    ],
    ['is none where it went well', { last_scan: { at, ok: true, problem: null } }, null],
    ['is none before there is one', { last_scan: null }, null],
    ['is none of an older gateway', {}, null],
  ])('%s', (_, status, problem) => {
    expect(failedScanOf(status)).toBe(problem)
  })
})
