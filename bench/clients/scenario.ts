/** What every program is put through, and what is looked at meanwhile: what it shows, the gateway's audit, Legiti. */
import type { Connected, Shown } from './program.ts'
import { ON_SECOND_PAGE, parts } from './shapes-server.ts'
import type { Wire } from './wire.ts'
import { type AuditRow, IDLE_SECONDS, LIMITED, logoutOf, type Tenant } from './world.ts'

/** How one step went. */
export interface Finding {
  /** One of its scenario's. */
  readonly step: string
  /** Null: it does not apply to this program. */
  readonly isRight: boolean | null
  /** What was seen, in a few words. */
  readonly seen: string
}

export const steps = [
  'lists',
  'lists all pages',
  'logs in',
  'is known',
  'calls upstream',
  'shows a result',
  'shows an error',
  'limit, native',
  'limit, upstream',
  'logs out',
  'Legiti knows',
  'is nobody',
  'logs in again',
  'is known again',
  'is idle',
  'loses its transport',
] as const
export type Step = (typeof steps)[number]

/** Without these the lab has failed: a login sticks, a logout reaches Legiti in time, and the next login works. */
export const required: readonly string[] = [
  'lists',
  'logs in',
  'is known',
  'calls upstream',
  'logs out',
  'Legiti knows',
  'is nobody',
  'logs in again',
  'is known again',
  'is idle',
]

const LEGITI_MS = 1_000
/** Long enough for a program to start and say what it is told. */
const IDLE_FOR_SECONDS = 6
/** The object that notices wakes up by an alarm. */
const IDLE_TOLD_MS = 10_000
const NOBODY = /Not logged in/
/** How late a row may be told of. */
const ROW_MS = 8_000

export interface Stage {
  readonly name: string
  readonly connected: Connected
  readonly tenant: Tenant
  readonly wire: Wire
  readonly gateway: string
}

/** Plays it. A step that throws is a finding; the next ones are tried all the same. */
export async function play(stage: Stage): Promise<readonly Finding[]> {
  const { name, connected, tenant, gateway } = stage
  const findings: Finding[] = []
  const step = async (it: Step, look: () => Promise<{ isRight: boolean | null; seen: string }>) => {
    const found = await look().catch((error: unknown) => ({ isRight: false, seen: firstLine(String(error)) }))
    findings.push({ step: it, ...found })
  }
  const call = (tool: string, args: Readonly<Record<string, unknown>> = {}) => connected.call(tool, args)
  const login = (account: string) => call('auth_login', { provider: 'trusted', account_id: account })
  const accountOf = (person: string) => `${person}-${name}`
  const [ana, bea] = [accountOf('ana'), accountOf('bea')]

  await step('lists', async () => {
    const names = await connected.list()
    const found = (tool: string) => names.some((it) => it.endsWith(tool))
    const own = names.filter((it) => /auth_|track_|ref__|gatehouse/.test(it)).length
    return { isRight: found('auth_login') && found('echo'), seen: `${own === 0 ? names.length : own} tools` }
  })
  await step('lists all pages', async () => {
    const isThere = (await connected.list()).some((it) => it.endsWith(ON_SECOND_PAGE))
    return { isRight: null, seen: isThere ? 'yes' : 'the first alone' }
  })
  await step('logs in', async () => says(await login(ana), loggedIn(ana)))
  await step('is known', async () => {
    const shown = await call('auth_whoami')
    const { isRight, seen } = says(shown, loggedIn(ana))
    return { isRight, seen: isRight ? `as ${formOf(shown.text)}` : seen }
  })
  await step('calls upstream', () => callsUpstream(stage, ana, []))
  await step('shows a result', async () => shownParts(await call('shapes__says')))
  await step('shows an error', async () => shownParts(await call('shapes__fails')))
  await step('limit, native', () => hitsLimit(call, LIMITED.native, { sale_id: 's-1' }))
  await step('limit, upstream', () => hitsLimit(call, LIMITED.upstream, {}))
  let outAtMs = 0
  await step('logs out', async () => {
    const shown = await call('auth_logout')
    outAtMs = Date.now()
    return says(shown, /Logged out successfully/)
  })
  await step('Legiti knows', async () => {
    const told = await until(() => logoutOf(gateway, ana), LEGITI_MS)
    if (told === undefined) return { isRight: false, seen: `not within ${LEGITI_MS} ms` }
    return { isRight: true, seen: `${Math.max(0, told.atMs - outAtMs)} ms later` }
  })
  await step('is nobody', async () => says(await call('auth_whoami'), NOBODY))
  const before = tenant.rows().map(({ seq }) => seq)
  await step('logs in again', async () => says(await login(bea), loggedIn(bea)))
  await step('is known again', () => callsUpstream(stage, bea, before))
  await step('is idle', () => isIdle(stage, login, accountOf('dora')))
  await step('loses its transport', () => losesTransport(stage, login, accountOf('cleo')))
  return findings
}

/** A program's words of a failure may repeat the arguments, so the account alone proves nothing. */
function loggedIn(account: string): RegExp {
  return new RegExp(`Logged in as ${account}`)
}

/** Which parts of a result somebody is shown: no right or wrong, but the gateway's own results must do for each. */
function shownParts({ text }: Shown) {
  const seen = Object.entries(parts).flatMap(([part, said]) => (text.includes(said) ? [part] : []))
  return { isRight: null, seen: seen.length === 0 ? `none: ${firstLine(text)}` : seen.join(', ') }
}

function says({ text }: Shown, expected: RegExp) {
  return { isRight: expected.test(text), seen: firstLine(text) }
}

/** A call of an upstream tool: it is answered, and its row names session and account. */
async function callsUpstream({ connected, tenant }: Stage, account: string, before: readonly number[]) {
  const { text } = await connected.call('ref__echo', { text: `hello ${account}` })
  if (!text.includes(`hello ${account}`)) return { isRight: false, seen: firstLine(text) }
  const isIt = (row: AuditRow) => row.tool === 'echo' && !before.includes(row.seq)
  const row = await until(async () => tenant.rows().find(isIt), ROW_MS)
  if (row === undefined) return { isRight: false, seen: 'answered; no audit row was told of' }
  const isOwn = row.account === account && row.session !== null
  return { isRight: isOwn, seen: `on record for ${row.account ?? 'nobody'}` }
}

/** A tool that may be called once: the second time whoever reads the answer learns the rule and when to try again. */
async function hitsLimit(
  call: (tool: string, args: Readonly<Record<string, unknown>>) => Promise<Shown>,
  tool: string,
  args: Readonly<Record<string, unknown>>,
) {
  await call(tool, args)
  const { text, isError } = await call(tool, args)
  const said = [
    /Slow down\./.test(text) ? 'words' : '',
    /Retry after \d+ s|retry_after_seconds/.test(text) ? 'time' : '',
    text.includes('/limits/0') ? 'rule' : '',
    /\berror\b/i.test(text) || isError === true ? 'error' : '',
  ].filter((it) => it !== '')
  return { isRight: said.length === 4, seen: said.length === 4 ? `as ${formOf(text)}` : firstLine(text) }
}

/** A login that is not used ends, which Legiti hears; the program goes on, and can log in again. */
async function isIdle(
  { connected, tenant, gateway }: Stage,
  login: (account: string) => Promise<Shown>,
  account: string,
) {
  await tenant.setIdle(IDLE_FOR_SECONDS)
  const first = await login(account)
  if (!loggedIn(account).test(first.text)) return { isRight: false, seen: firstLine(first.text) }
  const told = await until(() => logoutOf(gateway, account), IDLE_FOR_SECONDS * 1_000 + IDLE_TOLD_MS)
  await tenant.setIdle(IDLE_SECONDS)
  if (told === undefined) return { isRight: false, seen: 'Legiti was not told' }
  const after = await connected.call('auth_whoami')
  if (!NOBODY.test(after.text)) return { isRight: false, seen: firstLine(after.text) }
  return says(await login(account), loggedIn(account))
}

/** Ends the transports that it has, as an idle gateway would, and sees whether it can work on. */
async function losesTransport(
  { wire, tenant }: Stage,
  login: (account: string) => Promise<Shown>,
  account: string,
) {
  const live = [...wire.transports]
  if (live.length === 0) return { isRight: null, seen: 'has none' }
  for (const id of live) await tenant.endTransport(id)
  const attempts: string[] = []
  for (let attempt = 0; attempt < 2; attempt++) {
    const shown = await login(account).catch((error: unknown) => String(error))
    if (typeof shown !== 'string' && loggedIn(account).test(shown.text)) {
      const how = wire.transports.length > live.length ? 'opens another' : 'goes on'
      return { isRight: true, seen: attempt === 0 ? how : `fails once, then ${how}` }
    }
    attempts.push(typeof shown === 'string' ? shown : shown.text)
  }
  return { isRight: false, seen: `dead until restarted: ${firstLine(attempts.at(-1) ?? '')}` }
}

async function until<T>(look: () => Promise<T | undefined>, ms: number): Promise<T | undefined> {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined || Date.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Which form of a result somebody was shown: the gateway says everything in each. */
function formOf(text: string): 'text' | 'structure' | 'both' {
  // In the structure the sentence is a member; in the text it is by itself.
  const structured = /\\?"message\\?":\s*\\?"(Logged in|Slow down)/g
  const hasStructure = structured.test(text)
  const hasText = /(Logged in|Slow down)/.test(text.replaceAll(structured, ''))
  return hasStructure && hasText ? 'both' : hasStructure ? 'structure' : 'text'
}

function firstLine(text: string): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line.length > 90 ? `${line.slice(0, 87)}…` : line
}
