/** `connect`: the configuration by which a client reaches the gateway. docs/cli.md names the source of each format. */
import { isLoopback } from '../base/loopback.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { parseToken } from '../names/tokens.ts'
import { nearest } from '../policy/spelling.ts'
import type { Given } from './kit/arguments.ts'
import type { Command } from './kit/command.ts'
import { FINE, type Misuse, misuse, type Outcome, type World } from './kit/outcome.ts'

const COMMAND = 'gatehouse connect'
const VARIABLE = 'GATEHOUSE_GRANT_TOKEN'

interface Target {
  /** The client's name for the gateway. */
  readonly name: string
  readonly url: string
  /** Null: the client is to take it from where it keeps secrets. */
  readonly token: string | null
}

interface Configuration {
  /** Instructions for people who use the configuration. */
  readonly hints: readonly string[]
  /** A configuration file's JSON, or lines of another kind. */
  readonly config: object | readonly string[]
}

type Client = (target: Target) => Configuration

const bearer = ({ token }: Target, reference: string) => `Bearer ${token ?? reference}`
const entry = ({ name }: Target, server: object) => ({ mcpServers: { [name]: server } })
const fromEnvironment = ({ token }: Target) =>
  token === null ? [`It takes the token from the environment: ${VARIABLE}.`] : []
/** The warning about a file that people keep under version control, where it holds a live token. */
const notForGit = ({ token }: Target, file: string) =>
  token === null
    ? []
    : [`It holds a live token, and ${file} is meant for version control: keep it out, or use --no-token.`]

const clients: Readonly<Record<string, Client>> = {
  'claude-code': (target) => {
    const authorization = bearer(target, `\${${VARIABLE}}`)
    return {
      hints: [
        'In .mcp.json, at the root of the project.',
        ...fromEnvironment(target),
        ...notForGit(target, '.mcp.json'),
      ],
      config: entry(target, { type: 'http', url: target.url, headers: { Authorization: authorization } }),
    }
  },
  // Its configuration file takes local programs alone; remote servers are connectors, which Claude's own servers reach.
  'claude-desktop': (target) => ({
    hints: [
      'Claude Desktop connects to remote servers as connectors, from the servers of Claude: the URL must be public.',
      'Request headers are not offered to every account. Without them it cannot send a grant’s token.',
    ],
    config: [
      'Settings > Connectors > Add custom connector',
      `  Name             ${target.name}`,
      `  URL              ${target.url}`,
      '  Request headers',
      `    Authorization  ${bearer(target, '<the token of the grant>')}`,
    ],
  }),
  codex: ({ name, url, token }) => ({
    hints: [
      'In ~/.codex/config.toml.',
      ...(token === null ? [`It takes the token from the environment: ${VARIABLE}.`] : []),
    ],
    config: [
      `[mcp_servers.${name}]`,
      `url = "${url}"`,
      token === null
        ? `bearer_token_env_var = "${VARIABLE}"`
        : `http_headers = { Authorization = "Bearer ${token}" }`,
    ],
  }),
  'gemini-cli': (target) => ({
    hints: [
      'In ~/.gemini/settings.json, or .gemini/settings.json of a project, in a folder that Gemini CLI trusts.',
      ...fromEnvironment(target),
      ...notForGit(target, 'the project’s'),
    ],
    config: entry(target, {
      httpUrl: target.url,
      headers: { Authorization: bearer(target, `$${VARIABLE}`) },
    }),
  }),
  opencode: (target) => ({
    hints: [
      'In opencode.json at the root of the project, or ~/.config/opencode/opencode.json.',
      ...fromEnvironment(target),
      ...notForGit(target, 'the project’s'),
    ],
    config: {
      $schema: 'https://opencode.ai/config.json',
      mcp: {
        [target.name]: {
          type: 'remote',
          url: target.url,
          // It would ask for a sign-in of its own before it sends the header.
          oauth: false,
          headers: { Authorization: bearer(target, `{env:${VARIABLE}}`) },
        },
      },
    },
  }),
  mcporter: (target) => ({
    hints: [
      'In ~/.mcporter/mcporter.json, or config/mcporter.json of a project.',
      ...fromEnvironment(target),
      ...notForGit(target, 'the project’s'),
    ],
    config: entry(target, {
      baseUrl: target.url,
      headers: { Authorization: bearer(target, `\${${VARIABLE}}`) },
    }),
  }),
  // It reads no variables in its file, so the shell puts the token there.
  inspector: (target) => ({
    hints: ['A line for the shell; without --cli and --method the Inspector opens as a page.'],
    config: [
      `npx @modelcontextprotocol/inspector --cli ${target.url} --transport http ` +
        `--header "Authorization: ${bearer(target, `$${VARIABLE}`)}" --method tools/list`,
    ],
  }),
  cursor: (target) => ({
    hints: [
      'In ~/.cursor/mcp.json, or .cursor/mcp.json of a project.',
      ...fromEnvironment(target),
      ...notForGit(target, 'the project’s'),
    ],
    config: entry(target, {
      url: target.url,
      headers: { Authorization: bearer(target, `\${env:${VARIABLE}}`) },
    }),
  }),
  vscode: (target) => {
    const id = `${target.name}-token`
    const ask = { type: 'promptString', id, description: 'Token of the Gatehouse grant', password: true }
    const authorization = bearer(target, `\${input:${id}}`)
    return {
      hints: [
        'In .vscode/mcp.json, or in the profile: "MCP: Open User Configuration".',
        ...(target.token === null ? ['It asks for the token once, and keeps it.'] : []),
        ...notForGit(target, '.vscode/mcp.json'),
      ],
      config: {
        ...(target.token === null ? { inputs: [ask] } : {}),
        servers: {
          [target.name]: { type: 'http', url: target.url, headers: { Authorization: authorization } },
        },
      },
    }
  },
  windsurf: (target) => ({
    hints: ['In ~/.codeium/windsurf/mcp_config.json.', ...fromEnvironment(target)],
    config: entry(target, {
      serverUrl: target.url,
      headers: { Authorization: bearer(target, `\${env:${VARIABLE}}`) },
    }),
  }),
  plain: (target) => ({
    hints: ['Streamable HTTP; every request has this header.', ...fromEnvironment(target)],
    config: { url: target.url, headers: { Authorization: bearer(target, `\${${VARIABLE}}`) } },
  }),
}

export const connectCommand: Command = {
  group: null,
  name: 'connect',
  summary: 'Print the configuration with which a client reaches the gateway',
  notes: ['CLIENT is one of:', `  ${Object.keys(clients).join(', ')}`],
  operands: { names: 'CLIENT', values: Object.keys(clients), least: 1, most: 1 },
  json: ['client', 'url', 'hints', 'config'],
  options: [
    {
      name: 'url',
      value: 'URL',
      help: 'the gateway, or a tenant of it: …/t/acme; GATEHOUSE_URL where absent',
    },
    {
      name: 'grant-token',
      value: 'TOKEN',
      help: `to have it in there; ${VARIABLE} where absent`,
      isSecret: true,
    },
    { name: 'no-token', value: null, help: 'let the client take the token from where it keeps secrets' },
    {
      name: 'server',
      value: 'S',
      help: 'this upstream server alone; all that the grant reaches where absent',
    },
    { name: 'name', value: 'NAME', help: 'what the client calls it; gatehouse where absent' },
  ],
  exitCodes: '0 printed; 2 not understood',
  examples: [
    `gatehouse connect claude-code --url https://gate.example --grant-token "$TOKEN"`,
    'gatehouse connect vscode --url https://gate.example --no-token > .vscode/mcp.json',
  ],
  run: connect,
}

async function connect(given: Given, world: World): Promise<Outcome> {
  const { operands, values, switches } = given
  const [called = ''] = operands
  const client = Object.hasOwn(clients, called) ? clients[called] : undefined
  // Nothing else that is typed means anything without it.
  if (client === undefined) {
    const names = Object.keys(clients)
    const found = `the unknown client ${JSON.stringify(called)}`
    return misuse(COMMAND, [{ found, allowed: names.join(', '), nearest: nearest(called, names) }])
  }
  const problems: Misuse[] = []
  const address = values.get('url') ?? world.variable('GATEHOUSE_URL')
  const url = endpoint(address ?? '', values.get('server'))
  if (url === null)
    problems.push({
      found: address === undefined ? 'no URL' : 'another URL',
      allowed: '--url https://HOST, or https://HOST/t/TENANT, or GATEHOUSE_URL',
    })
  const offered = values.get('grant-token') ?? world.variable(VARIABLE) ?? null
  const token = switches.has('no-token') ? null : offered
  if (token === null && !switches.has('no-token'))
    problems.push({ found: 'no token', allowed: `--grant-token TOKEN, ${VARIABLE}, or --no-token` })
  if (token !== null && parseToken(token) === null)
    problems.push({ found: 'a token that is not of a grant', allowed: 'gh_<tenant>_<grant>_…' })
  const name = values.get('name') ?? 'gatehouse'
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    problems.push({
      found: `--name ${JSON.stringify(name)}`,
      allowed: 'a letter and at most 63 of A-Z a-z 0-9 _ -',
    })
  if (problems.length > 0 || url === null) return misuse(COMMAND, problems)
  const { hints: ofClient, config } = client({ name, url, token })
  const hints = [...ofClient, ...nativeHints(values.get('server'))]
  const lines = Array.isArray(config) ? (config as string[]) : JSON.stringify(config, null, 2).split('\n')
  // The configuration alone goes to standard output, so that it can be written to a file.
  return { code: FINE, lines, errors: hints, data: { client: called, url, hints, config } }
}

/** Names the conditions under which a native server answers at its own URL. Nobody is asked whether they hold. */
function nativeHints(server: string | undefined): string[] {
  if (!nativeServerNames.some((name) => name === server)) return []
  return [
    `${server} is a native server: it is there if /readyz of the gateway says that it is on, and the grant names it in its servers.`,
  ]
}

/** The URL that agents connect to; null where the text is no gateway's URL. */
function endpoint(text: string, server: string | undefined): string | null {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return null
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) return null
  const path = url.pathname.replace(/\/$/, '')
  if (path !== '' && !/^\/t\/[a-z0-9-]+$/.test(path)) return null
  return `${url.origin}${path}/mcp${server === undefined ? '' : `/${encodeURIComponent(server)}`}`
}
