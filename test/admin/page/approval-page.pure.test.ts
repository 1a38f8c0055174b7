/** The page of an approval, whatever stands in it. */
import { describe, expect, test } from 'vitest'
import { approvalPage, type Shown } from '../../../src/admin/page/approval-page.ts'
import type { Reader } from '../../../src/admin/page/header.ts'
import { listPage } from '../../../src/admin/page/list-page.ts'
import type { ApprovalView } from '../../../src/contract/approvals.ts'

const NOW = Date.parse('2030-01-01T10:00:00Z')
const EVIL = `"'></textarea></form><script>x()</script>\u202E\u200B`

const ana: Reader = { actor: 'person:ana', name: 'ana', role: 'approver', byAccess: false }

const view: ApprovalView = {
  id: `apr_bot_${'0'.repeat(32)}`,
  state: 'pending',
  revision: 1,
  grant: 'bot',
  sessionId: 'session',
  account: 'account',
  client: { name: 'client', version: '1' },
  server: 'crm',
  tool: 'echo',
  argumentNames: ['text'],
  argumentsHmac: 'k:hmac',
  rule: '/tools/echo',
  configVersion: 'version',
  message: 'Ask Ana.',
  url: null,
  requestedAtMs: NOW - 60_000,
  expiresAtMs: NOW + 60_000,
  decidedAtMs: null,
  decidedBy: null,
  reason: null,
  usedAtMs: null,
}

const shown = (more: Partial<Shown> = {}): Shown => ({
  ...{ tenant: 'acme', base: '/approvals', reader: ana, approval: view, owner: 'bea' },
  ...{ label: 'The bot', nowMs: NOW },
  judged: {
    content: { arguments: { text: 'value' }, meta: null, concealed: [], omitted: [] },
    absent: null,
    formToken: 'v1.form',
  },
  ...more,
})

/** The same with every text replaced. */
function poisoned<T>(value: T): T {
  if (typeof value === 'string') return EVIL as T
  if (Array.isArray(value)) return value.map(poisoned) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, poisoned(it)])) as T
}

test('no text of anybody’s is more than text, wherever it stands', () => {
  const approval = { ...poisoned({ ...view, decidedBy: 'x', reason: 'x', url: 'x' }), state: view.state }
  const decided = { ...approval, state: 'denied' as const, decidedAtMs: NOW, usedAtMs: NOW }
  const content = {
    arguments: { [EVIL]: EVIL, nested: { [EVIL]: [EVIL] } },
    meta: { [EVIL]: EVIL },
    concealed: [EVIL],
  }
  const omitted = [{ path: EVIL, type: 'string' as const, bytes: 1 }]
  const judged = { content: { ...content, omitted }, absent: null, formToken: EVIL }
  const more = {
    reader: { ...ana, name: EVIL },
    tenant: EVIL,
    owner: EVIL,
    label: EVIL,
    judged,
    reason: EVIL,
  }
  const pages = [
    approvalPage(shown({ ...more, approval, problem: EVIL })),
    approvalPage(shown({ ...more, approval: decided })),
    approvalPage(shown({ ...more, approval: decided, judged: null })),
    listPage({ ...shown(more), pending: [approval] }),
  ].map(({ header, main }) => `${header?.text ?? ''}${main.text}`)
  for (const page of pages) {
    expect(page).not.toMatch(/<script|x\(\)<\/script/)
    expect(page.match(/<\/textarea>/g)?.length ?? 0).toBe(page.match(/<textarea/g)?.length ?? 0)
    expect(page.match(/<\/form>/g)?.length).toBe(page.match(/<form/g)?.length)
  }
  // What somebody typed goes back as it was; all else shows what it hides.
  for (const page of pages.slice(1)) expect(page).not.toMatch(/[\u202E\u200B]/)
})

describe('before deciding about what is not shown', () => {
  const content = { arguments: {}, meta: null, concealed: [], omitted: [] }
  const alertIn = (judged: Shown['judged']) =>
    /role="alert">([^<]*)/.exec(approvalPage(shown({ judged })).main.text)?.[1] ?? null

  test.each([
    ['nothing', { content, absent: null }, null],
    ['all of it', { content: null, absent: 'no_keys' }, 'You are not shown what this call carries'],
    [
      'what is too long',
      { content: { ...content, omitted: [{ path: 'args.a', type: 'string', bytes: 1 }] }, absent: null },
      'too long',
    ],
    [
      'what is concealed',
      { content: { ...content, concealed: ['args.a'] }, absent: null },
      'the policy conceals',
    ],
  ] as const)('the page says so: %s', (_, judged, says) => {
    const alert = alertIn({ ...judged, formToken: 'x' } as Shown['judged'])
    if (says === null) expect(alert).toBeNull()
    else expect(alert).toContain(says)
  })
})

test.each([
  ['pending', NOW + 1, ['approve', 'deny']],
  ['approved', NOW + 1, ['deny']],
  ['used', NOW + 1, ['deny']],
  ['asking', NOW + 1, ['deny']],
  ['denied', NOW + 1, []],
  ['expired', NOW, []],
  ['used', NOW, []],
] as const)('of one that is %s until %d there is to be said: %j', (state, expiresAtMs, choices) => {
  const { text } = approvalPage(shown({ approval: { ...view, state, expiresAtMs } })).main
  expect([...text.matchAll(/name="decision" value="(\w+)"/g)].map(([, choice]) => choice)).toEqual(choices)
})
