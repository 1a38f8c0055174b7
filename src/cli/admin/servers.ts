/** `server …`: upstream servers. */

import { isObject } from '../../base/json.ts'
import type { ServerUses } from '../../contract/tenant.ts'
import { removedServerWarnings } from '../../contract/warnings.ts'
import type { Answer } from '../gateway/api.ts'
import { type Api, changed, Ended, type Json, part } from '../gateway/api.ts'
import { administer, file, keyOf, mistaken, ONE, objectIn } from '../gateway/command.ts'
import { failedScanOf, missingToolWarnings, scanProblems, scansNow } from '../gateway/scans.ts'
import { member, shownList, shownThing, yamlLines } from '../gateway/shown.ts'
import type { Command } from '../kit/command.ts'
import type { Outcome } from '../kit/outcome.ts'
import { fine, PROBLEMS, type World } from '../kit/outcome.ts'
import { withVariables } from '../kit/variables.ts'

const PATH = '/servers'
const of = (name: string) => `${PATH}/${part(name)}`

export const serverCommands: readonly Command[] = [
  administer({
    group: 'server',
    name: 'add',
    summary: 'Register an upstream server, or replace one',
    operands: ONE,
    options: [
      { name: 'at', value: 'URL', help: 'where the server is, if nothing else is to be said of it' },
      file,
      { name: 'replace', value: null, help: 'replace the one of that name' },
      { name: 'no-scan', value: null, help: 'do not ask it for its tools yet' },
    ],
    changes: true,
    tells: true,
    creates: true,
    examples: [
      'gatehouse server add crm --at https://crm.example/mcp',
      'gatehouse server add crm --file crm.yaml --replace',
    ],
    run: async (api, given, world) => {
      const {
        operands: [name = ''],
        values,
        switches,
      } = given
      const body = await serverDocument(api, { at: values.get('at'), from: values.get('file') }, world)
      const query = switches.has('no-scan') ? { scan: 'false' } : {}
      if (switches.has('replace')) {
        const { tag } = await api.get(of(name))
        const put = await api.put(of(name), { body, query, match: tag })
        return scanned(api, name, { answer: put, outcome: changed(`server ${name} replaced`, put), world })
      }
      const made = { body, query, absent: true, ...keyOf(given) }
      const put = await api.put(of(name), made)
      return scanned(api, name, { answer: put, outcome: changed(`server ${name} added`, put), world })
    },
  }),
  administer({
    group: 'server',
    name: 'list',
    summary: 'List the upstream servers and how they stand',
    json: 'items',
    examples: ['gatehouse server list'],
    run: async (api) => {
      const servers = await api.all(PATH)
      const shown = shownList(servers, [
        ['name', (it) => it.name],
        ['url', (it) => it.url],
        ['enabled', (it) => it.enabled],
        ['breaker', (it) => standing(it).breaker],
        ['scan', (it) => scanCell(standing(it))],
        ['tools', (it) => (standing(it).catalogue_at === null ? null : standing(it).tools)],
        ['drift', (it) => standing(it).drift_total],
        ['last success', (it) => standing(it).last_success_at],
      ])
      return { ...shown, errors: servers.flatMap((it) => failedScanOf(standing(it)) ?? []) }
    },
  }),
  administer({
    group: 'server',
    name: 'show',
    summary: 'Show an upstream server, without the values of its headers',
    operands: ONE,
    examples: ['gatehouse server show crm'],
    run: async (api, { operands: [name = ''] }) => shownThing((await api.get(of(name))).body),
  }),
  administer({
    group: 'server',
    name: 'status',
    summary: 'Show how an upstream server stands: health, tools, drift',
    operands: ONE,
    examples: ['gatehouse server status crm'],
    run: async (api, { operands: [name = ''] }) => shownThing((await api.get(`${of(name)}/status`)).body),
  }),
  administer({
    group: 'server',
    name: 'tools',
    summary: 'List the tools of an upstream server, as last seen, and what each says of itself',
    operands: ONE,
    examples: ['gatehouse server tools crm', 'gatehouse server tools crm --json'],
    run: async (api, { operands: [name = ''] }) => {
      const { body } = await api.get(`${of(name)}/tools`)
      const items = body.items as Json[]
      const when =
        body.listed_at === null
          ? `the tools of ${name} are not known: gatehouse server scan ${name} asks it for them`
          : `as listed at ${body.listed_at}`
      const named = (it: Json) => `${name}__${it.name}`
      const isRenamed = items.some((it) => it.exposed !== named(it))
      const shown = shownList(items, [
        ['tool', named],
        ...(isRenamed ? [['in /mcp', (it: Json) => it.exposed ?? '(left out)'] as const] : []),
        member('class'),
        member('title'),
        member('drifted'),
      ])
      return { ...shown, errors: [when], data: body }
    },
  }),
  administer({
    group: 'server',
    name: 'scan',
    summary: 'Ask an upstream server for its tools now, and compare them with the pins',
    operands: ONE,
    changes: true,
    examples: ['gatehouse server scan crm'],
    run: async (api, { operands: [name = ''] }) => {
      const { body } = await api.post(`${of(name)}/scan`)
      const { scan, tools, drift_total } = body
      const shown = fine([...yamlLines({ scan, tools, drift: drift_total })], body)
      // A script must not go on with tools that nobody has listed.
      return isObject(scan) && scan.ok === false ? { ...shown, code: PROBLEMS } : shown
    },
  }),
  administer({
    group: 'server',
    name: 'accept',
    summary: 'Take tools that have changed as what they are now',
    operands: ONE,
    options: [
      { name: 'tool', value: 'TOOL', help: 'this one, by its own name or as SERVER__TOOL; all where absent' },
    ],
    changes: true,
    tells: true,
    examples: ['gatehouse server accept crm --tool crm__lookup', 'gatehouse server accept crm'],
    run: async (api, { operands: [name = ''], values }) => {
      const tool = values.get('tool')
      const path = tool === undefined ? of(name) : `${of(name)}/tools/${part(tool)}`
      const answer = await api.post(`${path}/accept`)
      const accepted = answer.body.accepted as string[]
      const what = accepted.length === 0 ? 'nothing had changed' : `accepted: ${accepted.join(', ')}`
      return changed(what, answer)
    },
  }),
  administer({
    group: 'server',
    name: 'remove',
    summary: 'Forget an upstream server, its pins included',
    operands: ONE,
    changes: true,
    tells: true,
    destroys: (api, { operands: [name = ''] }) => ({
      question: `Remove the server ${name}, its pins included?`,
      // An older gateway does not say, and neither does one without such a server.
      consequences: async () => {
        const uses = await api.find(`${of(name)}/uses`)
        return uses === null ? [] : removedServerWarnings(uses.body as unknown as ServerUses)
      },
    }),
    examples: ['gatehouse server remove crm'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`server ${name} removed`, await api.delete(of(name))),
  }),
]

/** The result of the last scan, in a word; null if there was none, or if the gateway is too old to tell. */
function scanCell(status: Json): string | null {
  if ((status.last_scan ?? null) === null) return null
  return failedScanOf(status) === null ? 'ok' : 'failed'
}

/** The outcome with what the first scan found, which goes on behind the answer; what it says comes in time for `--wait`, too. */
async function scanned(
  api: Api,
  name: string,
  {
    answer: { body },
    outcome,
    world,
  }: {
    readonly answer: Answer
    readonly outcome: Outcome
    readonly world: World
  },
): Promise<Outcome> {
  if (!scansNow(body)) return outcome
  const failed = await scanProblems(api, [name], world)
  const found = failed.length > 0 ? failed : await missingToolWarnings(api, name)
  const warnings = [...((body.warnings ?? []) as string[]), ...found]
  return {
    ...outcome,
    errors: [...outcome.errors, ...found.map((it) => `warning: ${it}`)],
    data: { ...body, warnings },
  }
}

function standing(server: Json): Json {
  return (server.status ?? {}) as Json
}

/** `--at`, or the file with the values of its `${…}`. */
async function serverDocument(
  api: Api,
  { at, from }: { readonly at: string | undefined; readonly from: string | undefined },
  world: World,
): Promise<Json> {
  if ((at === undefined) === (from === undefined))
    throw mistaken(api, {
      found: at === undefined ? 'no document' : '--at and --file',
      allowed: '--at URL, or --file FILE',
    })
  if (from === undefined) return { url: at }
  const document = await objectIn(api, from, world)
  const { headers, problems } = withVariables(document.headers, world)
  if (problems.length > 0) {
    const errors = problems.map((problem) => `${from}: ${problem}`)
    throw new Ended({
      code: 1,
      lines: [],
      errors,
      data: { errors: problems.map((problem) => ({ file: from, problem })) },
    })
  }
  return { ...document, ...(document.headers === undefined ? {} : { headers }) }
}
