/** The page of an approval in a real browser: a person signs in, reads, approves and denies, with scripts and without. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi, ROOT_TOKEN } from '../../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../../support/node/bare-workerd.ts'
import { browserMissing, startBrowser } from '../../support/node/browser.ts'
import { type MisbehavingServer, startMisbehaving } from '../../support/node/misbehaving.ts'
import { registerSecret } from '../../support/node/recorder.ts'
import type { Json } from '../../support/node/sdk-client.ts'
import { connectStatelessEra } from '../../support/node/sdk-clients.ts'

const TENANT = 'careful'
const missing = browserMissing ?? bareWorkerdMissing

/** An approver’s phone. */
const phone = { width: 320, height: 640 }

describe.skipIf(missing !== null)(`the page in a browser ${missing ?? ''}`, () => {
  let gateway: BareGateway
  let crm: MisbehavingServer
  let browser: Browser
  let admin: AdminApi
  let agent = ''
  let ana = ''
  let last = 0

  beforeAll(async () => {
    ;[gateway, crm, browser] = await Promise.all([
      startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }),
      startMisbehaving(),
      startBrowser(),
    ])
    admin = adminApi(gateway.url, TENANT)
    await admin.putTenant()
    const asks = { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] }
    await admin.putPolicy('careful', { version: '1', default: 'allow', tools: { crm__echo: asks } })
    await admin.putServer('crm', { url: crm.url })
    agent = await admin.putGrant('bot', { policy: 'careful' })
    await api('PUT', 'people/ana', { role: 'approver' })
    ana = String((await api('POST', 'people/ana/token', {})).token)
  })
  afterAll(async () => {
    await browser?.close()
    await Promise.all([gateway?.stop(), crm?.stop()])
  })

  async function api(method: string, path: string, body?: unknown): Promise<Json> {
    const response = await fetch(`${gateway.url}/api/v1/tenants/${TENANT}/${path}`, {
      method,
      headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Json
  }

  /** A text of this call alone. */
  const fresh = (rest = '') => `text-of-a-call-${++last}${rest}`

  /** Calls as a process of the agent's does that is gone afterwards. */
  async function call(args: Json) {
    const client = await connectStatelessEra(`${gateway.url}/mcp`, { token: agent })
    const answer = await client.callTool('crm__echo', args)
    await client.close()
    return answer
  }

  const linkIn = ({ text }: { text: string }) =>
    /http:\S+\/approvals\/apr_bot_[0-9a-f]{32}/.exec(text)?.[0] ?? ''

  interface Visit {
    readonly page: Page
    readonly context: BrowserContext
    /** What the browser complains of, and what it asks the person. */
    readonly complaints: readonly string[]
  }

  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<Visit> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('dialog', (dialog) => {
      complaints.push(dialog.message())
      void dialog.dismiss()
    })
    return { page, context, complaints }
  }

  async function signIn({ page, context }: Visit, link: string, token = ana): Promise<void> {
    await page.goto(link)
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { level: 1, name: 'A call waits for approval' }).waitFor()
    for (const { value } of await context.cookies()) registerSecret('the cookie of the page', value)
  }

  const widthOf = (page: Page) =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')

  describe.each([
    ['without scripts', false],
    ['with scripts', true],
  ])('%s', (_, javaScriptEnabled) => {
    test('a call is read and approved, and the agent’s next process makes it, once', async () => {
      const args = { text: fresh(), behave: { kind: 'ok', note: { amount: 12.5, to: ['Ana', 'Bob'] } } }
      const link = linkIn(await call(args))
      const visit = await open({ javaScriptEnabled })
      const { page, context, complaints } = visit
      await signIn(visit, link)
      expect(page.url()).toBe(link)
      const [cookie] = await context.cookies()
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: `/t/${TENANT}/approvals` })
      const main = await page.getByRole('main').innerText()
      for (const part of [args.text, '"amount": 12.5', '"Ana"', 'Ask Ana.', 'crm'])
        expect(main).toContain(part)
      await page.getByLabel('Reason').fill('Checked with Bob.')
      await page.getByRole('button', { name: 'Approve this call' }).click()
      await page.getByText('It may be made, once.').waitFor()
      expect(page.url()).toBe(link)
      const decided = await page.getByRole('main').innerText()
      expect(decided).toContain('person:ana (you)')
      expect(decided).toContain('Checked with Bob.')
      expect(decided).toContain('The values were erased')
      expect(decided).not.toContain(args.text)
      expect(await call(args)).toMatchObject({ isError: false })
      expect(linkIn(await call(args))).not.toBe(link)
      expect(crm.executions(args.text)).toBe(1)
      expect(complaints).toEqual([])
      await context.close()
    })

    test('a call is denied with a reason, which the agent is told', async () => {
      const args = { text: fresh() }
      const visit = await open({ javaScriptEnabled })
      const { page, context, complaints } = visit
      await signIn(visit, linkIn(await call(args)))
      await page.getByLabel('Reason').fill('Not on <Fridays>.\nAsk on Monday.')
      await page.getByRole('button', { name: 'Deny this call' }).click()
      await page.getByText('It was denied, and has not been made.').waitFor()
      const denied = await call(args)
      expect([denied.isError, denied.text]).toEqual([
        true,
        expect.stringContaining('Not on <Fridays>.\nAsk on Monday.'),
      ])
      expect(crm.executions(args.text)).toBe(0)
      expect(complaints).toEqual([])
      await context.close()
    })

    test('what an agent writes to deceive is text', async () => {
      const evil = `</pre></dl></main><h1>Approved by root</h1><img src=x onerror="alert(1)"><script>alert(2)</script>`
      const args = {
        text: fresh(`${evil}\u202Egnp.exe\u202C\u200B`),
        behave: { kind: 'ok', '<svg onload=alert(3)>': `"><script>alert(4)</script>\u2066` },
      }
      const visit = await open({ javaScriptEnabled })
      const { page, context, complaints } = visit
      await signIn(visit, linkIn(await call(args)))
      const main = page.getByRole('main')
      expect(await page.getByRole('heading', { level: 1 }).allInnerTexts()).toEqual([
        'A call waits for approval',
      ])
      expect(await page.locator('img, script, svg, main main, [onerror], [onload]').count()).toBe(0)
      const text = await main.innerText()
      expect(text).toContain(evil)
      expect(text).toContain('⟦U+202E⟧gnp.exe⟦U+202C⟧⟦U+200B⟧')
      expect(text).not.toMatch(/[\u202E\u202C\u200B\u2066]/)
      expect(text).toContain('⟦U+2066⟧')
      expect(complaints).toEqual([])
      await context.close()
    })
  })

  test('what goes along with a call is shown, digit for digit, and nothing that is concealed', async () => {
    const text = fresh()
    const params = `{"name":"crm__echo","arguments":{"text":"${text}","behave":{"kind":"ok"}},"_meta":{
      "io.modelcontextprotocol/protocolVersion":"2026-07-28",
      "io.modelcontextprotocol/clientInfo":{"name":"<i>raw</i>\\u202e","version":"1"},
      "io.modelcontextprotocol/clientCapabilities":{},
      "progressToken":9007199254740993,"example.com/trace":"trace-of-the-call"}}`
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${agent}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'crm__echo',
      },
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`,
    })
    const visit = await open({ javaScriptEnabled: false })
    const { page, context } = visit
    await signIn(visit, linkIn({ text: await response.text() }))
    const main = await page.getByRole('main').innerText()
    for (const part of ['9007199254740993', 'trace-of-the-call', '<i>raw</i>']) expect(main).toContain(part)
    await context.close()
  })

  describe.each(['light', 'dark'] as const)('in the %s', (colorScheme) => {
    test('on a phone, nothing is wider than it, and all can be read', async () => {
      let deep: unknown = 'x'.repeat(500)
      for (let i = 0; i < 40; i++) deep = { [`name-${i}`]: deep }
      const args = { text: fresh('y'.repeat(5_000)), behave: { kind: 'ok', deep, ['n'.repeat(300)]: 1 } }
      const visit = await open({ colorScheme, viewport: phone, javaScriptEnabled: false })
      const { page, context } = visit
      const link = linkIn(await call(args))
      await page.goto(link)
      expect(await widthOf(page)).toBe(0)
      await signIn(visit, link)
      expect(await widthOf(page)).toBe(0)
      for (const summary of await page.locator('summary').all()) await summary.click()
      expect(await page.locator('details[open]').count()).toBeGreaterThanOrEqual(2)
      expect(await widthOf(page)).toBe(0)
      expect(await page.getByRole('main').innerText()).toContain(args.text)
      const [background, text] = await page.evaluate<[string, string]>(
        '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
      )
      const brightness = (color = '') => Number(/\d+/.exec(color)?.[0])
      expect(brightness(background) > brightness(text)).toBe(colorScheme === 'light')
      for (const button of await page.getByRole('button').all())
        expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44)
      await context.close()
    })
  })

  test('by keyboard and by name: everything is labelled, in order, and where one is can be seen', async () => {
    const visit = await open({ javaScriptEnabled: true })
    const { page, context } = visit
    const link = linkIn(await call({ text: fresh() }))
    await page.goto(link)
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.id')).toBe('token')
    await page.keyboard.type(ana)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'A call waits for approval' }).waitFor()
    for (const { value } of await context.cookies()) registerSecret('the cookie of the page', value)
    const focused: string[] = []
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab')
      focused.push(
        await page.evaluate<string>(
          '[document.activeElement.innerText || document.activeElement.name, getComputedStyle(document.activeElement).outlineStyle].join(" ")',
        ),
      )
    }
    expect(focused).toEqual([
      'Approvals solid',
      'Sign out solid',
      'reason solid',
      'Approve this call solid',
      'Deny this call solid',
    ])
    const levels = await page.evaluate<number[]>(
      '[...document.querySelectorAll("h1, h2, h3")].map((it) => Number(it.tagName[1]))',
    )
    expect(levels[0]).toBe(1)
    levels.reduce((before, level) => {
      expect(level - before).toBeLessThanOrEqual(1)
      return level
    })
    const unnamed = await page.evaluate<number>(
      '[...document.querySelectorAll("input:not([type=hidden]), textarea, select")].filter((it) => it.labels.length === 0).length',
    )
    expect(unnamed).toBe(0)
    await context.close()
  })

  test('a double click decides once, and signing out leaves nothing to go back to', async () => {
    const args = { text: fresh() }
    const link = linkIn(await call(args))
    const visit = await open()
    const { page, context } = visit
    await signIn(visit, link)
    await page.getByRole('button', { name: 'Approve this call' }).dblclick()
    await page.getByText('It may be made, once.').waitFor()
    const approval = await api('GET', `approvals/${link.split('/').at(-1)}`)
    expect(approval).toMatchObject({ state: 'approved', decided_by: 'person:ana' })
    const other = { text: fresh() }
    await page.goto(linkIn(await call(other)))
    expect(await page.getByRole('main').innerText()).toContain(other.text)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    expect(await context.cookies()).toEqual([])
    await page.goBack()
    expect(await page.locator('body').innerText()).not.toContain(other.text)
    await context.close()
  })

  test('what was typed is there again after a sign-in that was over, and what has changed is said', async () => {
    const args = { text: fresh() }
    const link = linkIn(await call(args))
    const id = link.split('/').at(-1)
    const visit = await open({ javaScriptEnabled: false })
    const { page, context } = visit
    await signIn(visit, link)
    await page.getByLabel('Reason').fill('A long\nreason.')
    await context.clearCookies()
    await page.getByRole('button', { name: 'Deny this call' }).click()
    await page.getByRole('alert').getByText('nothing was done').waitFor()
    await page.getByLabel('Token').fill(ana)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { level: 1, name: 'A call waits for approval' }).waitFor()
    for (const { value } of await context.cookies()) registerSecret('the cookie of the page', value)
    expect(await page.getByLabel('Reason').inputValue()).toBe('A long\nreason.')
    await api('POST', `approvals/${id}`, { decision: 'approve' })
    await page.getByRole('button', { name: 'Deny this call' }).click()
    await page.getByRole('alert').getByText('something has changed').waitFor()
    expect(await page.getByLabel('Reason').inputValue()).toBe('A long\nreason.')
    await page.getByRole('button', { name: 'Deny this call' }).click()
    await page.getByText('It was denied, and has not been made.').waitFor()
    expect(await api('GET', `approvals/${id}`)).toMatchObject({ state: 'denied', reason: 'A long\nreason.' })
    await context.close()
  })

  test('a page of somebody else’s can link to it, and neither frame it, nor send its form, nor read its cookie', async () => {
    const link = linkIn(await call({ text: fresh() }))
    const evil = await startEvil(link)
    const visit = await open()
    const { page, context } = visit
    await signIn(visit, link)
    expect(await page.evaluate('document.cookie')).toBe('')
    const form = await page.locator('input[name=form]').getAttribute('value')
    for (const host of ['localhost', '127.0.0.1']) {
      await page.goto(`http://${host}:${evil.port}/?form=${form}`)
      await page.getByRole('button', { name: 'A prize' }).click()
      await page.getByRole('heading', { name: 'Not accepted' }).waitFor()
      await page.goto(`http://${host}:${evil.port}/frame`)
      await page.waitForLoadState()
      for (const frame of page.frames().slice(1))
        expect(await frame.content()).not.toContain('Approve this call')
    }
    expect(await api('GET', `approvals/${link.split('/').at(-1)}`)).toMatchObject({ state: 'pending' })
    // A link in a chat leads to where somebody is signed in already.
    await page.goto(`http://localhost:${evil.port}/?form=`)
    await page.getByRole('link', { name: 'Please approve' }).click()
    await page.getByRole('heading', { level: 1, name: 'A call waits for approval' }).waitFor()
    await context.close()
    await evil.stop()
  })
})

/** Another site, and, at 127.0.0.1, another origin of the same one. */
async function startEvil(link: string) {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    response.setHeader('content-type', 'text/html')
    if (pathname === '/frame') return response.end(`<iframe src="${link}" width="600" height="900"></iframe>`)
    return response.end(`<a href="${link}">Please approve</a><form method="post" action="${link}">
<input type="hidden" name="do" value="decide"><input type="hidden" name="decision" value="approve">
<input type="hidden" name="form" value="${searchParams.get('form') ?? ''}"><button>A prize</button></form>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
