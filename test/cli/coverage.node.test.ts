/** The command line can do whatever the API can, and the other way round: both are compared by what is asked. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands, nameOf } from '../../src/cli/commands.ts'
import type { Command } from '../../src/cli/kit/command.ts'
import { sendRequest } from '../../src/cli/kit/io.ts'
import type { HttpReply, HttpRequest } from '../../src/cli/kit/outcome.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'
import { root } from '../support/node/wrangler-dev.ts'

const files = {
  'thing.yaml': 'url: http://127.0.0.1:9/mcp\n',
  'empty.yaml': '{}',
  'p.json': '{"version":"1"}',
  'q.json': '{"version":"1","default":"allow"}',
  'tools.json': '{"tools":[]}',
  '-': 'value',
  't/grants/applied.yaml': '{}',
  't/webhooks/applied.yaml': 'url: http://127.0.0.1:9/hook',
}

/**
 * Every command with every option that it has. What is asked is all that counts here; a 404 is an answer like
 * another, but what is asked for only after something else was found needs that to be there.
 */
const lines: readonly string[] = [
  'tenant create acme --file empty.yaml --key k1 --reason r',
  'tenant set acme --file empty.yaml --reason r --wait',
  'tenant list',
  'tenant show acme',
  'tenant suspend acme --reason r --wait',
  'tenant resume acme --reason r --wait',
  'server add crm --at http://127.0.0.1:9/mcp --no-scan --key k2 --reason r',
  'server add crm --file thing.yaml --replace --reason r --wait',
  'server list',
  'server show crm',
  'server status crm',
  'server tools crm',
  'server scan crm --reason r',
  'server accept crm --reason r --wait',
  'server accept crm --tool t --reason r',
  'policy validate p.json --gateway',
  'policy validate p.json --tools tools.json',
  'policy push readers p.json --yes --key k3 --reason r',
  'policy push readers q.json --yes --reason r --wait',
  'policy diff @readers:1 @readers --tools t',
  'policy validate @readers --gateway',
  "policy explain @readers --tool auth_login --gateway --args '{}' --account a --label l --annotations '{}' --at 2030-01-01T00:00:00Z --counters '{}'",
  `policy explain @readers:1 --resource crm+x:{id} --completion '{"argument":{"name":"id","value":"b"}}'`,
  'policy explain @readers --prompt crm__p',
  'policy convert @readers --to hosted',
  'policy rollback readers 1 --yes --reason r --wait',
  'policy list',
  'policy list --deleted',
  'policy list readers',
  'policy show readers --version 1',
  "grant issue bot --label l --policy readers --servers crm --sessions many --owner '' --expires 2099-01-01T00:00:00Z --key k4 --reason r",
  "grant set bot --label l --policy readers --servers crm --sessions auto --owner '' --expires never --reason r --wait",
  'grant list',
  'grant show bot',
  'grant rotate bot --overlap 0 --key k5 --reason r --wait',
  'person add ana --role viewer --email a@acme.example --accounts a --key k6 --reason r',
  'person set ana --role viewer --email a@acme.example --accounts a --yes --reason r',
  'person list',
  'person show ana',
  'person token ana --expires 2099-01-01T00:00:00Z --overlap 0 --key k7 --reason r',
  'person revoke-token ana --yes --reason r',
  'person remove ana --yes --reason r',
  'secret set s --from - --origins https://crm.example.com --key k8 --reason r',
  'secret set s --env KEY --reason r --wait',
  'secret list',
  'secret rotate --reason r',
  'secret remove s --yes --reason r',
  'session list --account a',
  'session list --grant bot --account a',
  'session end s1 --grant bot --yes --reason r',
  'session end --grant bot --account a --yes --reason r',
  'session end --account a --yes --reason r',
  'approval list --state pending',
  'approval show apr_bot_x',
  'approval approve apr_bot_x --reason r',
  'approval deny apr_bot_x --reason r',
  'webhook add hook --at http://127.0.0.1:9/hook --events tool.drift --enabled yes --key k9 --reason r',
  'webhook rotate hook --overlap 0 --key k9r --reason r',
  'webhook set hook --at http://127.0.0.1:9/hook --events tool.drift --enabled no --reason r',
  'webhook list',
  'webhook show hook',
  'webhook messages hook --state dead',
  'webhook replay hook m1 --reason r',
  'webhook remove hook --yes --reason r',
  `audit query FILTERS --limit 1 --order oldest`,
  `audit tail FILTERS`,
  `audit export FILTERS --after 1`,
  'audit verify',
  'outbox status bot',
  'outbox list bot --state dead',
  'outbox replay bot e1 --reason r',
  'apply t --plan',
  'apply t --plan --tenant unmade',
  'apply t --yes --prune --headers --reason r --wait',
  'grant revoke bot --yes --reason r --wait',
  'policy remove readers --yes --reason r',
  'server remove crm --yes --reason r --wait',
  'whoami',
  'tenant delete acme --wait 0 --yes --reason r',
]

/** Values of filters that take few. */
const valid: Readonly<Record<string, string>> = {
  kind: 'decision',
  decision: 'allow',
  outcome: 'result',
  from: '2030-01-01T00:00:00Z',
  to: '2030-01-02T00:00:00Z',
}

/** Commands that ask the gateway nothing, and why that is right. */
const local: Readonly<Record<string, string>> = {
  'gatehouse policy test': 'reads files',
  'gatehouse policy schema': 'prints what is built in',
  'gatehouse connect': 'prints what an agent’s side is to be told',
  'gatehouse version': 'prints what is built in',
  'gatehouse completion': 'prints what is built in',
}

/** Operations that no command reaches, and why. */
const exceptions: Readonly<Record<string, string>> = {
  get_openapi_json_all: 'the description of the API, which is for programs',
  get_docs_all: 'the same as a page, which is for browsers',
  get_tenants_tenant_servers_name_uses_all:
    'asked before the question of server remove, which --json does not ask',
}

/** Parameters that no option gives: commands read lists to their end, and set conditions by themselves. */
const unsaid = ['after', 'limit']

/** Parts of the API that this gateway does not have. */
const unserved = ['sessions', 'approvals', 'webhooks', 'audit'].filter(
  (name) => !existsSync(join(root, 'src/admin', `${name}.ts`)),
)

/** One line, and what came of it. */
interface Tried {
  readonly line: string
  readonly code: number
  readonly out: string
  readonly err: string
  /** Bodies of the gateway's answers that were good. */
  readonly bodies: readonly string[]
  readonly requests: readonly HttpRequest[]
}

function commandOf(line: string): Command {
  const command = commands.find((it) => `gatehouse ${line} `.startsWith(`${nameOf(it)} `))
  if (command === undefined) throw new Error(`no command: ${line}`)
  return command
}

/** Sends a request, and keeps what is answered. */
async function heard(request: HttpRequest, bodies: string[]): Promise<HttpReply> {
  const reply = await sendRequest(request)
  if (!reply.ok || reply.status > 299) return reply
  let text = ''
  for await (const piece of reply.pieces) text += piece
  bodies.push(text)
  return {
    ...reply,
    pieces: (async function* () {
      yield text
    })(),
  }
}

interface Operation {
  readonly operationId: string
  readonly method: string
  readonly pattern: RegExp
  readonly query: readonly string[]
  readonly body: readonly string[]
}

interface Described {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: { readonly properties?: Record<string, unknown> } }>
  }
}

describe.skipIf(bareWorkerdMissing !== null)(
  `the API and the command line ${bareWorkerdMissing ?? ''}`,
  () => {
    let gateway: BareGateway
    let cli: CliAt
    let operations: readonly Operation[]
    let asked: readonly HttpRequest[]
    /** What came of each line. */
    const tried: Tried[] = []

    beforeAll(async () => {
      gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
      cli = cliAt(gateway.url, 'acme')
      const response = await fetch(`${gateway.url}/api/v1/openapi.json`)
      const { paths } = (await response.json()) as { paths: Record<string, Record<string, Described>> }
      operations = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, described]) => ({
          operationId: described.operationId,
          method: method.toUpperCase(),
          pattern: new RegExp(`^${RegExp.escape(path).replaceAll(/\\\{[a-z]+\\\}/g, '[^/]+')}$`),
          query: described.parameters.flatMap((it) => (it.in === 'query' ? [it.name] : [])),
          body: Object.keys(described.requestBody?.content['application/json']?.schema.properties ?? {}),
        })),
      )
      const filters = optionsOf('gatehouse audit tail')
        .filter((name) => !['url', 'token', 'tenant'].includes(name))
        .map((name) => `--${name} ${valid[name] ?? '1'}`)
        .join(' ')
      for (const line of lines) {
        const words = line.replace('FILTERS', filters)
        // It would go on for ever.
        const isTail = words.startsWith('audit tail')
        const from = cli.requests.length
        const bodies: string[] = []
        const { code, out, err } = await cli(`${words} --json`, files, {
          variables: { KEY: 'v' },
          send: async (request) => (isTail ? { ok: false, reason: 'enough' } : heard(request, bodies)),
        })
        tried.push({ line: words, code, out, err, bodies, requests: cli.requests.slice(from) })
        expect([0, 1, 2], line).toContain(code)
        expect(out, line).not.toMatch(/"found": .*\n +"allowed": /)
      }
      await cli('whoami --json', {}, { variables: { GATEHOUSE_TENANT: '' } })
      asked = cli.requests
    })
    afterAll(() => gateway?.stop())

    function optionsOf(name: string): string[] {
      const command = commands.find((it) => nameOf(it) === name)
      return (command?.options ?? []).map((it) => it.name)
    }

    const requestsOf = ({ method, pattern }: Operation) =>
      asked.filter((it) => it.method === method && pattern.test(decodeURI(new URL(it.url).pathname)))

    test('every operation is reached by a command', () => {
      const unreached = operations.filter((it) => requestsOf(it).length === 0).map((it) => it.operationId)
      expect(unreached.toSorted()).toEqual(Object.keys(exceptions).toSorted())
    })

    test.skipIf(unserved.length > 0)(
      `every request is one that the API describes ${unserved.join(', ')}`,
      () => {
        const unknown = asked.filter(
          (it) =>
            !operations.some(
              ({ method, pattern }) =>
                it.method === method && pattern.test(decodeURI(new URL(it.url).pathname)),
            ),
        )
        expect([...new Set(unknown.map(({ method, url }) => `${method} ${new URL(url).pathname}`))]).toEqual(
          [],
        )
      },
    )

    test('every query parameter of every operation is said by some option, and no other', () => {
      for (const operation of operations) {
        if (operation.operationId in exceptions) continue
        const requests = requestsOf(operation)
        const said = new Set(requests.flatMap(({ url }) => [...new URL(url).searchParams.keys()]))
        // Of a decision the reason is part of it.
        const inBody = requests.some(({ body }) => 'reason' in (JSON.parse(body ?? '{}') as object))
        const isOpen = (name: string) =>
          !unsaid.includes(name) && !said.has(name) && !(name === 'reason' && inBody)
        const open = operation.query.filter(isOpen)
        expect(open, operation.operationId).toEqual([])
        expect(
          [...said].filter((name) => !operation.query.includes(name)),
          operation.operationId,
        ).toEqual([])
      }
    })

    test('every member of every body is said by some option, or in a file', () => {
      // Documents come out of files, whatever is in them.
      const whole = [
        'put_tenants_tenant',
        'put_tenants_tenant_servers_name',
        'put_tenants_tenant_policies_name',
      ]
      for (const operation of operations) {
        if (whole.includes(operation.operationId)) continue
        const said = requestsOf(operation).flatMap(({ body }) =>
          Object.keys(JSON.parse(body ?? '{}') as object),
        )
        // The place to go on from is taken from the answer before.
        const open = operation.body.filter((name) => name !== 'after' && !said.includes(name))
        expect(open, operation.operationId).toEqual([])
      }
    })

    test('whatever is written says what it starts from, but for secrets, which cannot be read', () => {
      const blind = asked.filter(
        ({ method, headers }) => method === 'PUT' && !('if-match' in headers || 'if-none-match' in headers),
      )
      const paths = new Set(blind.map(({ url }) => new URL(url).pathname))
      expect([...paths]).toEqual(['/api/v1/tenants/acme/secrets/s'])
    })

    const documentOf = ({ line, out }: Tried) => {
      try {
        return JSON.parse(out) as Record<string, unknown>
      } catch {
        throw new Error(`${line} --json prints no document: ${JSON.stringify(out)}`)
      }
    }

    test('every command prints one JSON document with --json, and it is what its help says', () => {
      for (const one of tried) {
        const command = commandOf(one.line)
        if (command.json === 'rows' && one.code === 0) continue
        const data = documentOf(one)
        if ('errors' in data) {
          expect(
            Array.isArray(data.errors) && data.errors.every((it) => typeof it === 'object'),
            one.line,
          ).toBe(true)
          expect(one.code, one.line).not.toBe(0)
          continue
        }
        const last = JSON.parse(one.bodies.at(-1) ?? '{}') as Record<string, unknown>
        // Waiting asks how many are left.
        const isWaiting = one.line.includes('--wait ') || one.line.endsWith('--wait')
        if (command.json === 'answer' && !isWaiting) expect(data, one.line).toMatchObject(last)
        else if (command.json === 'items') {
          const items = one.bodies.flatMap((body) => (JSON.parse(body) as { items: unknown[] }).items)
          expect(data, one.line).toEqual({ items })
        } else if (typeof command.json === 'object') {
          const named = command.json.map((name) => name.replace('?', ''))
          const there = command.json.filter((name) => !name.endsWith('?'))
          expect(
            Object.keys(data).filter((name) => !named.includes(name)),
            one.line,
          ).toEqual([])
          expect(
            there.filter((name) => !(name in data)),
            one.line,
          ).toEqual([])
        }
      }
    })

    test('a command by which something goes asks first, and asks nobody else before', async () => {
      // Whatever an operation is called: DELETE, and what ends or revokes.
      const goes = ({ method, url }: HttpRequest) =>
        method === 'DELETE' ||
        (method === 'POST' && /\/(end|delete|remove|revoke|purge)$/.test(new URL(url).pathname))
      const destroying = tried.filter(({ requests }) => requests.some(goes))
      expect(destroying.length).toBeGreaterThan(8)
      for (const { line } of destroying) {
        expect(line, `${line}: asks`).toMatch(/ --yes( |$)/)
        const before = line.replace(/ --yes(?= |$)/, '')
        const changing: HttpRequest[] = []
        const send = async (request: HttpRequest): Promise<HttpReply> => {
          if (request.method !== 'GET') changing.push(request)
          return { ok: false, reason: 'enough' }
        }
        const { code } = await cli(before, files, { variables: { KEY: 'v' }, send })
        expect([code, changing], before).toEqual([expect.toSatisfy((it) => it === 1 || it === 2), []])
        const questions: string[] = []
        await cli(before, files, { send, answer: false, asked: (question) => questions.push(question) })
        expect(changing, before).toEqual([])
        if (!line.startsWith('apply ')) expect(questions, before).toEqual([expect.stringContaining('?')])
      }
    })

    test('every command is tried here with every option, or asks nothing', () => {
      for (const command of commands) {
        const name = nameOf(command)
        const trials = lines.filter((line) => `gatehouse ${line} `.startsWith(`${name} `))
        if (name in local) {
          expect(trials, name).toEqual([])
          continue
        }
        expect(trials.length, name).toBeGreaterThan(0)
        const untried = command.options
          .map((it) => it.name)
          .filter((it) => !['url', 'token', 'tenant'].includes(it))
          .filter((it) => !trials.some((line) => line.includes(`--${it}`) || line.includes('FILTERS')))
        expect(untried, name).toEqual([])
      }
    })
  },
)
