/** The commands for approvals and webhooks, against a real gateway. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'
import { openSession, type SessionClient } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

describe.skipIf(bareWorkerdMissing !== null)(`approvals and webhooks ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let client: SessionClient
  let cli: CliAt
  let hook: Server
  const told: string[] = []

  beforeAll(async () => {
    hook = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => told.push(text))
      request.on('end', () => response.end())
    })
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
    gateway = await startBare({
      DEMO: 'true',
      ALLOW_PRIVATE_UPSTREAMS: 'true',
      LEGITI_REPORT_LOGINS: 'false',
    })
    const api = adminApi(gateway.url, 'acme')
    await api.putTenant()
    await api.putPolicy('asks', {
      version: '1',
      default: 'allow',
      tools: {
        auth_whoami: { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] },
        auth_logout: { require_approval: [{ conditions: [] }], conceal: ['args.params.pin'] },
      },
    })
    client = await openSession(gateway.url, await api.putGrant('bot', { policy: 'asks' }))
    cli = cliAt(gateway.url, 'acme')
  })
  afterAll(async () => {
    await client?.close()
    await gateway?.stop()
    await new Promise((resolve) => hook.close(resolve))
  })

  test('a webhook is made, shown, told, changed and removed', async () => {
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`
    const made = await cli(`webhook add oncall --at ${url} --events approval.pending,approval.decided`)
    expect(made.out).toMatch(/^webhook oncall made\nsecret: whsec_\S+\n$/)
    expect((await cli(`webhook add oncall --at ${url}`)).err).toMatch(/^gatehouse webhook add: 412 /)
    expect((await cli('webhook show oncall')).out).toContain(`url: ${url}\n`)
    expect((await cli('webhook list')).out).toMatch(/\noncall +http.* +yes +open +0 +0 +—\n$/)
    expect((await cli('webhook messages oncall')).out).toBe('none\n')
    expect((await cli('webhook replay oncall msg_x')).err).toMatch(/: 404 No such dead letter: /)
  })

  test('a call is shown with its values, all of them to be seen, to whoever may decide, and to nobody else', async () => {
    const params = { pin: 'four-digits-1234', note: 'pay\u202eeno\u200b', list: ['x'.repeat(90)] }
    await client.call('auth_logout', { params })
    const waiting = async () =>
      ((await cli.json('approval list --state pending')).data as { items: { id: string; tool: string }[] })
        .items
    await until('an approval', async () => (await waiting()).length === 1, 10_000)
    const [{ id } = { id: '' }] = await waiting()
    const line = (await cli('approval list')).out.split('\n').find((it) => it.startsWith(id)) ?? ''
    expect(line).toContain('{"params":{"pin":"(concealed string)","note":"pay\\u{202e}eno\\u{200b}","list":')
    expect(line).toContain('…')
    const shown = (await cli(`approval show ${id}`)).out
    expect(shown).toContain('note: pay\\u{202e}eno\\u{200b}\n')
    expect(shown).toContain('concealed:\n    - args.params.pin\n')
    expect(shown).toMatch(/client:\n {2}name: test\n/)
    for (const [name, sees] of [
      ['viewer', false],
      ['approver', true],
    ] as const) {
      await cli(`person add ${name} --role ${name}`)
      const { token } = (await cli.json(`person token ${name}`)).data as { token: string }
      const own = cliAt(gateway.url, 'acme', token)
      for (const out of [(await own(`approval show ${id}`)).out, (await own('approval list --json')).out])
        expect([name, out.includes('eno')]).toEqual([name, sees])
      expect((await own(`approval deny ${id}`)).code === 0).toBe(sees)
    }
    expect((await cli(`approval show ${id}`)).out).toContain(
      'no_content: The values were erased when somebody decided.',
    )
    expect((await cli('approval list')).out).toMatch(
      new RegExp(`\n${id} +denied +bot +— +session +auth_logout +params +`),
    )
  })

  test('a call waits, is shown, approved, and is told to have been made when it is denied afterwards', async () => {
    await client.call('auth_whoami', {})
    const pending = async () => {
      const { items } = (await cli.json('approval list --state pending')).data as { items: { id: string }[] }
      return items.map(({ id }) => id)
    }
    await until('an approval', async () => (await pending()).length === 1, 10_000)
    const [id = ''] = await pending()
    expect((await cli('approval list')).out).toMatch(
      new RegExp(`\n${id} +pending +bot +— +session +auth_whoami +`),
    )
    expect((await cli(`approval show ${id}`)).out).toContain('message: Ask Ana.\n')
    expect((await cli(`approval approve ${id} --reason 'as agreed'`)).out).toBe(`${id}: approved\n`)
    expect((await cli(`approval show ${id}`)).out).toContain('reason: as agreed\n')
    await client.call('auth_whoami', {})
    expect((await cli(`approval approve ${id}`)).err).toMatch(/^gatehouse approval approve: 409 Conflict: /)
    const denied = await cli(`approval deny ${id}`)
    expect([denied.code, denied.out]).toEqual([0, `${id}: denied\n`])
    expect(denied.err).toMatch(
      /^warning: A call was made by this approval at \S+, or is still at its server: /,
    )
    expect((await cli('approval show apr_bot_nothing')).err).toMatch(/: 404 Not found: /)
    await until('the webhook', () => told.some((text) => text.includes('approval.decided')), 20_000)
    expect((await cli('webhook messages oncall --state delivered')).out).toMatch(
      / approval\.decided +delivered /,
    )
    expect((await cli('webhook set oncall --enabled no')).code).toBe(0)
    expect((await cli('webhook list')).out).toMatch(/\noncall +http.* +no +/)
    expect((await cli('webhook remove oncall --yes')).out).toBe('webhook oncall removed\n')
  })
})
