/** Pure code has no clock, no randomness and no I/O: what the linter cannot see of that is looked for here. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../src', import.meta.url))
const pure = [
  'contract/audit-row.ts',
  'base/canonical-json.ts',
  'policy',
  'legiti/tools',
  'legiti/wire.ts',
  'legiti/schedule.ts',
  'legiti/tools/card.ts',
  'legiti/tools/calendar.ts',
  'contract/server-document.ts',
  'contract/static-headers.ts',
  'contract/unknown-names.ts',
  'contract/person-document.ts',
  'contract/webhook-document.ts',
  'approvals/id.ts',
  'request/public-base.ts',
  'contract/webhook-events.ts',
  'webhooks/schedule.ts',
  'names/tools.ts',
  'upstream/pins.ts',
  'upstream/flags.ts',
  'upstream/orders.ts',
  'upstream/orders-elsewhere.ts',
  'upstream/languages.ts',
  'upstream/encoded-text.ts',
  'upstream/object-outline.ts',
  'base/invisible.ts',
  'upstream/address.ts',
  'upstream/exact.ts',
  'upstream/breaker.ts',
  'upstream/headers.ts',
  'upstream/param-headers.ts',
  'upstream/sse.ts',
  'eras/capabilities.ts',
  'eras/for-session.ts',
  'eras/for-stateless.ts',
  'eras/mark.ts',
  'eras/meta.ts',
  'eras/names.ts',
]
/** Synchronous SQL composed with arguments: no clock and no randomness either. */
const given = [
  'audit/progress.ts',
  'principal/admission/admit.ts',
  'principal/admission/admit-call.ts',
  'principal/admission/admit-context.ts',
  'principal/admission/admit-record.ts',
  'principal/admission/admit-session.ts',
  'principal/admission/admit-work.ts',
  'principal/tables/approval-decisions.ts',
  'principal/tables/approval-rows.ts',
  'principal/tables/approvals.ts',
  'principal/tables/audit-log.ts',
  'durable/counters.ts',
  'principal/tables/sessions.ts',
  'principal/tables/ending.ts',
]

function files(path: string): string[] {
  if (path.endsWith('.ts')) return [join(src, path)]
  return readdirSync(join(src, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(src, path, name))
}

const code = (file: string) => readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

test.each(pure.flatMap(files))('%s', (file) => {
  expect(code(file)).not.toMatch(
    /Math\.random|performance\.|scheduler\.|\bfetch\(|new Date\b|Date\.now|\basync\b|cloudflare:/,
  )
})

test.each(given.flatMap(files))('%s', (file) => {
  expect(code(file)).not.toMatch(
    /Math\.random|crypto\.|performance\.|\bfetch\(|Date\.now|\basync\b|\bawait\b|cloudflare:/,
  )
})
