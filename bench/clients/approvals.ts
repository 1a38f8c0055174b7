/**
 * Calls that a person must approve, each step by another process of the program: what it is told, how often the call is
 * made, and where its arguments can still be read. The person decides on the page, in a browser.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { ROOT_TOKEN } from '../../test/support/node/admin-api.ts'
import type { BareGateway } from '../../test/support/node/bare-workerd.ts'
import type { Listener } from './listener.ts'
import type { Connected } from './program.ts'
import type { Finding } from './scenario.ts'

export const approvalSteps = [
  'is held',
  'is still one',
  'is read and approved',
  'next process makes it',
  'made once',
  'denied, told why',
  'two at once are one',
  'values are gone',
] as const

/** The tool about which the policy asks. */
export const ASKED = 'crm__echo'

export interface ApprovalStage {
  /** Starts a process of the program; it ends by `stop`. */
  open(): Promise<Connected>
  /** How often the server has made the call with this text. */
  made(text: string): number
  readonly gateway: BareGateway
  readonly tenant: string
  readonly browser: Browser
  readonly webhook: Listener
}

interface Approval {
  readonly id: string
  readonly state: string
  readonly content?: { readonly arguments?: { readonly text?: string } }
}

const WEBHOOK_MS = 10_000

/** Plays it. A step that throws is a finding; the next ones are tried all the same. */
export async function playApprovals(stage: ApprovalStage): Promise<readonly Finding[]> {
  const { open, made, gateway, tenant, browser, webhook } = stage
  const findings: Finding[] = []
  const base = `${gateway.url}/api/v1/tenants/${tenant}`
  const api = async (method: string, path: string, body?: unknown): Promise<string> => {
    const headers = { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' }
    const document = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${base}/${path}`, { method, headers, ...document })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${text}`)
    return text
  }
  const pending = async () => {
    const answer = await api('GET', 'approvals?state=pending')
    return (JSON.parse(answer) as { items: Approval[] }).items
  }
  /** What one process is shown of the call. */
  const ask = async (text: string): Promise<string> => {
    const process = await open()
    try {
      return (await process.call(ASKED, { text })).text
    } finally {
      await process.stop()
    }
  }
  const step = async (
    name: (typeof approvalSteps)[number],
    look: () => Promise<[isRight: boolean, seen: string]>,
  ) => {
    const [isRight, seen] = await look().catch((error: unknown): [boolean, string] => [false, String(error)])
    findings.push({ step: name, isRight, seen: seen.trim().slice(0, 300) })
  }
  const linkIn = (text: string) => /https?:[^\s"\\]+\/approvals\/apr_\w+/.exec(text)?.[0] ?? ''
  const idIn = (text: string) => /apr_\w+/.exec(text)?.[0] ?? ''
  const fresh = () => `rare-${randomBytes(9).toString('hex')}`

  const person = { role: 'approver' }
  await api('PUT', 'people/ana', person)
  const { token } = JSON.parse(await api('POST', 'people/ana/token', {})) as { token: string }
  const context = await browser.newContext()
  const page = await context.newPage()
  /** Follows the link, signs in where the page asks for it, and decides. Returns what the page has said of the call. */
  const decide = async (link: string, button: string, reason: string): Promise<string> => {
    await page.goto(link)
    const field = page.getByLabel('Token')
    if ((await field.count()) > 0) {
      await field.fill(token)
      await page.getByRole('button', { name: 'Sign in' }).click()
    }
    await page.getByRole('button', { name: button }).waitFor()
    const read = await page.getByRole('main').innerText()
    await page.getByLabel('Reason').fill(reason)
    await page.getByRole('button', { name: button }).click()
    await page.getByText(reason).first().waitFor()
    return read
  }

  const [first, second] = [fresh(), fresh()]
  let link = ''
  try {
    await step('is held', async () => {
      const told = await ask(first)
      link = linkIn(told)
      return [link !== '' && /approv/i.test(told) && made(first) === 0, told]
    })
    await step('is still one', async () => {
      const told = await ask(first)
      const waiting = await pending()
      return [
        linkIn(told) === link && waiting.length === 1 && made(first) === 0,
        `${waiting.length} pending; ${told}`,
      ]
    })
    await step('is read and approved', async () => {
      const read = await decide(link, 'Approve this call', 'Checked with Bob.')
      return [read.includes(first), read.includes(first) ? 'the page has the value' : read]
    })
    await step('next process makes it', async () => {
      const told = await ask(first)
      return [made(first) === 1 && linkIn(told) === '', `made ${made(first)} times; ${told}`]
    })
    let again = ''
    await step('made once', async () => {
      again = linkIn(await ask(first))
      return [
        made(first) === 1 && again !== '' && again !== link,
        `made ${made(first)} times, then held anew as another`,
      ]
    })
    await step('denied, told why', async () => {
      await decide(again, 'Deny this call', 'Not on Fridays.')
      const told = await ask(first)
      return [told.includes('Not on Fridays.') && made(first) === 1 && (await pending()).length === 0, told]
    })
    await step('two at once are one', async () => {
      const links = (await Promise.all([ask(second), ask(second)])).map(linkIn)
      const waiting = await pending()
      await decide(links[0] ?? '', 'Deny this call', 'One of two.')
      return [
        waiting.length === 1 && links[0] !== '' && links[0] === links[1] && made(second) === 0,
        `${waiting.length} pending, links ${links[0] === links[1] ? 'the same' : 'differ'}`,
      ]
    })
    await step('values are gone', async () => {
      const deadline = Date.now() + WEBHOOK_MS
      const decided = () => webhook.bodies.filter((it) => it.includes('approval.decided')).length
      while (decided() < 3 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100))
      const places: Record<string, string> = {
        state: await stateOf(gateway),
        output: gateway.output(),
        audit: await api('GET', 'audit/export'),
        webhooks: webhook.bodies.join('\n'),
        list: await api('GET', 'approvals?content=true'),
      }
      const found = Object.entries(places).flatMap(([place, all]) =>
        [first, second].some((value) => all.includes(value)) ? [place] : [],
      )
      // The search proves nothing unless it looks where the call has been.
      const blind = ['state', 'audit', 'webhooks', 'list'].filter(
        (place) => !places[place]?.includes(idIn(link)),
      )
      return [
        found.length === 0 && blind.length === 0,
        `found in: ${found.join(', ') || 'nothing'}; the approval itself is missing in: ${blind.join(', ') || 'nothing'}; webhooks: ${webhook.bodies.length}`,
      ]
    })
  } finally {
    await context.close()
  }
  return findings
}

/** Every file of the gateway's state, as bytes: its databases and their write-ahead logs. */
async function stateOf(gateway: BareGateway): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(gateway.pid())])
  const config = /serve (\S+)/.exec(stdout)?.[1]
  if (config === undefined) throw new Error(`no configuration in the command of workerd: ${stdout}`)
  const folder = join(dirname(config), 'state')
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((it) => it.isFile())
  const read = await Promise.all(
    files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')),
  )
  return read.join('\n')
}
