/** The how-to about an approval shows the page as it is: its words, in their order. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { approvalPage } from '../../../src/admin/page/approval-page.ts'
import type { ApprovalView } from '../../../src/contract/approvals.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const howTo = readFileSync(`${root}docs/how-to/approval.md`, 'utf8')
const reference = readFileSync(`${root}docs/approvals.md`, 'utf8')

const REQUESTED = Date.parse('2026-11-30T03:57:41Z')
const ID = 'apr_buyer_19ae285e4de441c79ad7f096d31fc49d'

/** The call of the how-to. */
const pending: ApprovalView = {
  id: ID,
  state: 'pending',
  revision: 1,
  grant: 'buyer',
  sessionId: null,
  account: null,
  client: { name: 'curl', version: '1' },
  server: 'every',
  tool: 'get-sum',
  argumentNames: ['a', 'b'],
  argumentsHmac: 'insecure-demo:hmac',
  rule: '/tools/every__get-sum/require_approval/0',
  configVersion: '9add29abe0639745958175b3',
  message: 'A sum above 100 needs a person.',
  url: `http://127.0.0.1:8787/t/acme/approvals/${ID}`,
  requestedAtMs: REQUESTED,
  expiresAtMs: REQUESTED + 900_000,
  decidedAtMs: null,
  decidedBy: null,
  reason: null,
  usedAtMs: null,
}

/** The page as Bo reads it, on one line. */
function page(approval: ApprovalView, afterMs: number): string {
  const { main } = approvalPage({
    ...{ tenant: 'acme', base: '/t/acme/approvals', approval, owner: 'ana', label: 'buyer' },
    reader: { actor: 'person:bo', name: 'bo', role: 'approver', byAccess: false },
    nowMs: REQUESTED + afterMs,
    judged: {
      content: {
        arguments: { a: 500, b: 4 },
        meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
        concealed: [],
        omitted: [],
      },
      absent: null,
      formToken: 'v1.form',
    },
  })
  return main.text
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ')
}

/** What the how-to shows of the page, line by line, without what it cuts. */
const quoted = (/^```text\n(A call waits[\s\S]*?)^```$/m.exec(howTo)?.[1] ?? '')
  .split('\n')
  .flatMap((line) => line.split(/[[\]]/))
  .map((line) => line.replace(/\s+/g, ' ').trim())
  .filter((line) => line !== '' && line !== '…')

describe('the page in the how-to', () => {
  test('has headings, rows and buttons', () => {
    expect(quoted.length).toBeGreaterThan(20)
    expect(quoted).toEqual(expect.arrayContaining(['The call', 'Decision', 'Approve this call']))
  })

  test('is the real one, in the same order', () => {
    let rest = page(pending, 12_000)
    for (const line of quoted) {
      expect(rest).toContain(` ${line} `)
      rest = rest.slice(rest.indexOf(` ${line} `) + line.length + 1)
    }
  })

  test('says what the how-to repeats of it once it is decided', () => {
    const [, text = ''] = /From then on the page is headed ([\s\S]*?) All that the page/.exec(howTo) ?? []
    const words = [...text.matchAll(/"([^"]+)"/g)].map(([, it = '']) => it.replace(/\s+/g, ' '))
    expect(words).toHaveLength(2)
    const decided = { decidedAtMs: REQUESTED + 13_000, decidedBy: 'person:bo', reason: 'Checked with Ana' }
    const approved = page({ ...pending, state: 'approved', ...decided }, 14_000)
    for (const it of words) expect(approved).toContain(it)
  })
})

test.each([
  ['the how-to', howTo],
  ['the reference', reference],
])('the buttons that %s names are on the page', (_, text) => {
  const buttons = [...text.matchAll(/\*\*((?:Approve|Deny)[^*]*)\*\*/g)].map(([, name = '']) => name)
  expect(buttons.length).toBeGreaterThan(0)
  for (const name of buttons) expect(page(pending, 12_000)).toContain(` ${name} `)
})
