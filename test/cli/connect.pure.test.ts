/** What clients are told. */
import { describe, expect, test } from 'vitest'
import { gatehouse, type WorldOptions } from '../support/node/cli.ts'

const TOKEN = 'gh_acme_bot_0123456789abcdef'
const variables = { GATEHOUSE_URL: 'https://gate.example/' }

function connect(line: string, options: WorldOptions = { variables }) {
  return gatehouse(['connect', ...line.split(' ')], {}, options)
}

const configOf = async (line: string) => JSON.parse((await connect(line)).out) as unknown

describe('with its token, a client’s configuration is ready', () => {
  const url = 'https://gate.example/mcp'
  const headers = { Authorization: `Bearer ${TOKEN}` }

  test.each<[string, object]>([
    ['claude-code', { mcpServers: { gatehouse: { type: 'http', url, headers } } }],
    ['cursor', { mcpServers: { gatehouse: { url, headers } } }],
    ['vscode', { servers: { gatehouse: { type: 'http', url, headers } } }],
    ['windsurf', { mcpServers: { gatehouse: { serverUrl: url, headers } } }],
    ['gemini-cli', { mcpServers: { gatehouse: { httpUrl: url, headers } } }],
    ['mcporter', { mcpServers: { gatehouse: { baseUrl: url, headers } } }],
    [
      'opencode',
      {
        $schema: 'https://opencode.ai/config.json',
        mcp: { gatehouse: { type: 'remote', url, oauth: false, headers } },
      },
    ],
    ['plain', { url, headers }],
  ])('%s', async (client, config) => {
    expect(await configOf(`${client} --grant-token ${TOKEN}`)).toEqual(config)
    const { code, err } = await connect(client, { variables: { ...variables, GATEHOUSE_GRANT_TOKEN: TOKEN } })
    expect(code).toBe(0)
    expect(err).not.toContain(TOKEN)
  })

  test('Codex reads TOML, the Inspector a command line', async () => {
    expect((await connect(`codex --grant-token ${TOKEN}`)).out).toBe(
      `[mcp_servers.gatehouse]\nurl = "${url}"\nhttp_headers = { Authorization = "Bearer ${TOKEN}" }\n`,
    )
    expect((await connect(`inspector --grant-token ${TOKEN}`)).out).toContain(
      `--cli ${url} --transport http --header "Authorization: Bearer ${TOKEN}"`,
    )
  })

  test.each(['claude-code', 'cursor', 'vscode', 'gemini-cli', 'opencode', 'mcporter'])(
    '%s is told that a file for version control would hold it',
    async (client) => {
      const said = 'is meant for version control: keep it out, or use --no-token.'
      expect((await connect(`${client} --grant-token ${TOKEN}`)).err).toContain(said)
      expect((await connect(`${client} --no-token`)).err).not.toContain(said)
    },
  )

  test('Claude Desktop has connectors, and no file', async () => {
    const { out } = await connect(`claude-desktop --grant-token ${TOKEN}`)
    expect(out).toContain(`URL              ${url}\n`)
    expect(out).toContain(`Authorization  Bearer ${TOKEN}\n`)
  })
})

test.each<[string, string]>([
  ['claude-code', `Bearer \${GATEHOUSE_GRANT_TOKEN}`],
  ['cursor', `Bearer \${env:GATEHOUSE_GRANT_TOKEN}`],
  ['windsurf', `Bearer \${env:GATEHOUSE_GRANT_TOKEN}`],
  ['vscode', `Bearer \${input:gatehouse-token}`],
  ['gemini-cli', 'Bearer $GATEHOUSE_GRANT_TOKEN'],
  ['opencode', 'Bearer {env:GATEHOUSE_GRANT_TOKEN}'],
  ['mcporter', `Bearer \${GATEHOUSE_GRANT_TOKEN}`],
])('without it, %s takes it from where it keeps secrets', async (client, authorization) => {
  const with_ = { variables: { ...variables, GATEHOUSE_GRANT_TOKEN: TOKEN } }
  const { out } = await connect(`${client} --no-token`, with_)
  expect(out).toContain(`"Authorization": "${authorization}"`)
  expect(out).not.toContain(TOKEN)
})

test('without it, Codex and the Inspector name a variable', async () => {
  const with_ = { variables: { ...variables, GATEHOUSE_GRANT_TOKEN: TOKEN } }
  const codex = await connect('codex --no-token', with_)
  expect(codex.out).toContain('bearer_token_env_var = "GATEHOUSE_GRANT_TOKEN"\n')
  const inspector = await connect('inspector --no-token', with_)
  expect(inspector.out).toContain('"Authorization: Bearer $GATEHOUSE_GRANT_TOKEN"')
  expect(codex.out + inspector.out).not.toContain(TOKEN)
})

test('VS Code asks for what it refers to', async () => {
  const config = (await configOf('vscode --no-token')) as { inputs: unknown[] }
  expect(config.inputs).toEqual([expect.objectContaining({ id: 'gatehouse-token', password: true })])
})

test('one server, one tenant, another name', async () => {
  expect(
    await configOf('cursor --no-token --server crm --name crm --url https://gate.example/t/acme'),
  ).toEqual({
    mcpServers: { crm: { url: 'https://gate.example/t/acme/mcp/crm', headers: expect.anything() } },
  })
})

test.each([
  [
    'emacs --no-token',
    'found the unknown client "emacs"; allowed: claude-code, claude-desktop, codex, gemini-cli,',
  ],
  ['cursr --no-token', 'did you mean "cursor"?'],
  ['cursor', 'found no token; allowed: --grant-token TOKEN, GATEHOUSE_GRANT_TOKEN, or --no-token'],
  [
    'cursor --grant-token gha_acme_ana_0123456789abcdef',
    'found a token that is not of a grant; allowed: gh_',
  ],
  ['cursor --no-token --url http://gate.example', 'found another URL; allowed: --url https://HOST'],
  ['cursor --no-token --url https://gate.example/mcp', 'found another URL'],
  ['cursor --no-token --name a.b', 'found --name "a.b"; allowed: a letter and'],
])('%s', async (line, said) => {
  const { code, out, err } = await connect(line)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(said)
})

test('no URL is told from one that cannot be', async () => {
  expect((await gatehouse(['connect', 'cursor', '--no-token'])).err).toContain(
    'found no URL; allowed: --url https://HOST, or https://HOST/t/TENANT, or GATEHOUSE_URL',
  )
})

test('of an unknown client one thing is said, whatever else is missing', async () => {
  const { code, err } = await gatehouse(['connect', 'foo'])
  expect(code).toBe(2)
  expect(err).toMatch(
    /^gatehouse connect: found the unknown client "foo"; allowed: .*\nTry: gatehouse connect --help\n$/,
  )
})
