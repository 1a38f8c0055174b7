/**
 * Filters take the names that people see. A row is asked for in the database and, in a live tail, where it was decided: both must
 * find the same.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import { exportRows } from '../../src/audit/export.ts'
import { withOwnNames } from '../../src/audit/exposed.ts'
import { type Filter, filterQuery, matches } from '../../src/audit/filter.ts'
import { readPage } from '../../src/audit/query.ts'
import { putRows } from '../../src/audit/store.ts'
import type { AuditRow } from '../../src/contract/audit-row.ts'
import { expose } from '../../src/names/tools.ts'
import { object } from '../../src/policy/fragments.ts'
import { auditDb, makeAuditTables } from '../support/audit.ts'

const EMPTY: AuditRow = {
  ...{ seq: 0, at: 1_000, kind: 'decision', request_id: null, session: null, account: null, client: null },
  ...{ client_version: null, server: null, method: null, tool: null, decision: null, rule: null },
  ...{
    config_version: null,
    argument_names: null,
    arguments_hmac: null,
    outcome: null,
    upstream_status: null,
  },
  ...{ latency_ms: null, shadow: null, actor: null, action: null, subject: null, detail: null },
}
const LONG = 'transfer money from one account to another account'
const TWIN = 'transfer money from one account to another ledger'
const call = { method: 'tools/call', decision: 'allow' }

const ROWS: readonly AuditRow[] = [
  { ...call, server: 'pay', tool: 'transfer', client: 'curl', client_version: '1', account: 'ana' },
  { ...call, server: 'bank', tool: 'transfer', client: 'curl', client_version: '2', account: 'root' },
  { ...call, server: 'pay', tool: LONG, client: 'Claude Code', client_version: null },
  { ...call, server: 'pay', tool: TWIN, client: 'curl 1', client_version: null },
  { ...call, server: 'session', tool: 'auth_login' },
  { server: 'pay', method: 'prompts/get', decision: 'deny', subject: 'prompt/refund' },
  { kind: 'session' as const, decision: 'end', server: 'session', tool: '(session)', account: 'ana' },
  { kind: 'change' as const, actor: 'root', action: 'policy.put', subject: 'policy/main' },
  { kind: 'change' as const, actor: 'person:ana', action: 'policy.put', subject: 'policy/other' },
].map((row, i) => ({ ...EMPTY, ...row, seq: i + 1 }))

beforeEach(async () => {
  await makeAuditTables()
  await auditDb().exec('DELETE FROM audit')
  const log = { tenant: 'acme', principal: 'bot', chain: 'c' }
  await putRows(
    auditDb(),
    log,
    ROWS.map((row) => ({ ...row, hash: `h${row.seq}` })),
  )
  await putRows(auditDb(), { ...log, tenant: 'globex' }, [{ ...(ROWS[0] as AuditRow), hash: 'g1' }])
})

/** Which rows a query finds, by their places in the log: in the database, in an export and in a tail. */
async function found(query: Record<string, string>): Promise<number[]> {
  const filter: Filter = object(filterQuery()).parse(query)
  const named = await withOwnNames(auditDb(), 'acme', filter)
  const page = await readPage(auditDb(), 'acme', named, { order: 'oldest', after: null, limit: 100 })
  const stored = (page?.rows ?? []).map(({ seq }) => seq)
  const tailed = ROWS.filter((row) => matches(filter, 'bot', row)).map(({ seq }) => seq)
  expect(tailed, 'in a tail').toEqual(stored)
  const lines = (await new Response(exportRows(auditDb(), 'acme', named, 0)).text()).trimEnd().split('\n')
  const exported = lines.map((line) => JSON.parse(line) as { seq?: number }).flatMap(({ seq }) => seq ?? [])
  expect(exported, 'in an export').toEqual(stored)
  return stored
}

describe('a tool', () => {
  test.each<[string, number[]]>([
    ['transfer', [1, 2]],
    ['pay__transfer', [1]],
    ['bank__transfer', [2]],
    ['auth_login', [5]],
    ['pay__refund', []],
    ['pay__', []],
    [LONG, [3]],
    [expose('pay', LONG), [3]],
    [expose('pay', TWIN), [4]],
    [expose('bank', LONG), []],
    ['pay__transfer_00000000', []],
  ])('%s is found under its own name and under the one that agents are shown', async (tool, seqs) => {
    expect(await found({ tool })).toEqual(seqs)
    expect(await found({ what: tool })).toEqual(seqs)
  })

  test('of a long name is told from others that begin alike, and both are shown with a hash', () => {
    const [one, other] = [expose('pay', LONG), expose('pay', TWIN)]
    expect(one).toMatch(/^pay__transfer_money_.*_[0-9a-f]{8}$/)
    expect(one.slice(0, -8)).toBe(other.slice(0, -8))
    expect(one).not.toBe(other)
  })
})

test.each<[Record<string, string>, number[]]>([
  [{ client: 'curl' }, [1, 2]],
  [{ client: 'curl 1' }, [1, 4]],
  [{ client: 'curl', client_version: '1' }, [1]],
  [{ client: 'Claude Code' }, [3]],
  [{ client: 'curl 3' }, []],
  [{ client: 'Claude Code null' }, []],
  [{ who: 'ana' }, [1, 7]],
  [{ who: 'root' }, [2, 8]],
  [{ who: 'person:ana' }, [9]],
  [{ what: 'policy.put' }, [8, 9]],
  [{ what: 'policy.put policy/main' }, [8]],
  [{ what: 'policy/main' }, []],
  [{ what: 'prompts/get' }, [6]],
  [{ what: 'prompts/get prompt/refund' }, [6]],
  [{ what: '(session)' }, [7]],
  [{ kind: 'call' }, [1, 2, 3, 4, 5]],
  [{ kind: 'read' }, [6]],
  [{ kind: 'decision' }, [1, 2, 3, 4, 5, 6]],
  [{ kind: 'session' }, [7]],
  [{ kind: 'change', who: 'root' }, [8]],
  [{ tool: 'pay__transfer', client: 'curl 1', who: 'ana', kind: 'call', server: 'pay' }, [1]],
  [{ tool: 'pay__transfer', server: 'bank' }, []],
  [{ what: "x' OR '1' = '1" }, []],
])('%j finds the rows %j', async (query, seqs) => {
  expect(await found(query)).toEqual(seqs)
})

test('a kind that there is not is refused, with those that there are', () => {
  const refused = object(filterQuery()).safeParse({ kind: 'calls' })
  expect(JSON.stringify(refused.error?.issues)).toContain('"call"')
})
