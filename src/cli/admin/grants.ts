/** `grant …`: what agents present, and what it reaches. */
import { documentOf } from '../../contract/document.ts'
import { grantSchema } from '../../contract/grant-document.ts'
import { sessionModes } from '../../contract/session-mode.ts'
import { type Answer, type Api, changed, part } from '../gateway/api.ts'
import { administer, keyOf, listed, momentOf, ONE, secondsOf } from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'
import type { World } from '../kit/outcome.ts'

const PATH = '/grants'
const of = (name: string) => `${PATH}/${part(name)}`

const described: readonly Option[] = [
  { name: 'label', value: 'TEXT', help: 'what policies and people know it by; its name where absent' },
  { name: 'policy', value: 'P', help: 'the policy that it is under; without one everything is denied' },
  {
    name: 'servers',
    value: 'S1,S2',
    help: 'the servers that it reaches: names, "*" for every upstream one (where absent), and session, legiti',
  },
  {
    name: 'owner',
    value: 'PERSON',
    help: 'whose agent it is: they cannot approve its calls; nobody ("") where absent',
  },
  {
    name: 'sessions',
    value: 'MODE',
    values: sessionModes,
    help: 'which login a request is in that names none: auto (where absent), one, many',
  },
  {
    name: 'expires',
    value: 'TIME',
    help: '2030-01-31T12:00:00Z, or 30d from now; never ("never") where absent',
  },
]

export const grantCommands: readonly Command[] = [
  administer({
    group: 'grant',
    name: 'issue',
    summary: 'Make a grant; its token is printed, this once',
    operands: ONE,
    options: described,
    changes: true,
    creates: true,
    examples: ['gatehouse grant issue bot --policy readers --servers session,crm --label "Support bot"'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const answer = await api.put(of(name), {
        body: saidOf(api, given, world),
        absent: true,
        ...keyOf(given, world.id()),
      })
      return withToken(`grant ${name} made`, answer, [reachLine(answer, given.values.has('servers'))])
    },
  }),
  administer({
    group: 'grant',
    name: 'set',
    summary: 'Change a grant, all but its token; what is not said stays',
    operands: ONE,
    options: described,
    changes: true,
    tells: true,
    examples: ['gatehouse grant set bot --policy writers', 'gatehouse grant set bot --expires never'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const { body, tag } = await api.get(of(name))
      const next = { ...documentOf(grantSchema(), body), ...saidOf(api, given, world) }
      return changed(`grant ${name} changed`, await api.put(of(name), { body: next, match: tag }))
    },
  }),
  administer({
    group: 'grant',
    name: 'list',
    summary: 'List the grants',
    notes: [
      '“last used” is when a call or a read was last decided, also where it was denied, or a session last used.',
    ],
    json: 'items',
    examples: ['gatehouse grant list'],
    run: async (api) =>
      shownList(await api.all(PATH), [
        member('name'),
        member('label'),
        member('policy'),
        member('servers'),
        ['native', (grant) => nativeCell(grant.native_servers)],
        member('sessions'),
        member('expires_at', 'expires'),
        member('last_used_at', 'last used'),
      ]),
  }),
  administer({
    group: 'grant',
    name: 'show',
    summary: 'Show a grant, without its token',
    operands: ONE,
    examples: ['gatehouse grant show bot'],
    run: async (api, { operands: [name = ''] }) => shownThing((await api.get(of(name))).body),
  }),
  administer({
    group: 'grant',
    name: 'rotate',
    summary:
      'Give a grant another token; it is printed, this once, and calls that wait for approval are closed',
    operands: ONE,
    options: [
      {
        name: 'overlap',
        value: 'DURATION',
        help: 'how long the token before it stays good, such as 1h, and then approvals stay; 0 if absent',
      },
    ],
    changes: true,
    tells: true,
    creates: true,
    examples: ['gatehouse grant rotate bot --overlap 1h'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const overlap = secondsOf(api, given, 'overlap')
      const body = overlap === undefined ? {} : { overlap_seconds: overlap }
      return withToken(
        `grant ${name} rotated`,
        await api.post(`${of(name)}/rotate`, { body, ...keyOf(given, world.id()) }),
      )
    },
  }),
  administer({
    group: 'grant',
    name: 'revoke',
    summary: 'Revoke a grant, for the next request and for good',
    operands: ONE,
    changes: true,
    tells: true,
    destroys: (_api, { operands: [name = ''] }) => ({
      question: `Revoke the grant ${name} for good? Its sessions end, its calls that wait for approval are closed, and its token never works again.`,
    }),
    examples: ['gatehouse grant revoke bot --reason "laptop lost"'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`grant ${name} revoked`, await api.delete(of(name))),
  }),
]

/** Native servers that a grant has, and which of them its deployment has not. */
function nativeCell(states: unknown): string[] {
  return Object.entries((states ?? {}) as Record<string, string>).map(([name, state]) =>
    state === 'off' ? `${name} (off)` : name,
  )
}

/**
 * The servers that a new grant reaches, so that nobody finds out later that it is all of them.
 *
 * @param isSaid whether `--servers` was given
 */
function reachLine({ body: { servers, native_servers } }: Answer, isSaid: boolean): string {
  const natives = nativeCell(native_servers)
  const names: readonly unknown[] = servers === '*' ? ['*'] : Array.isArray(servers) ? servers : []
  const upstream = names.filter((name) => !Object.hasOwn(Object(native_servers), String(name)))
  const all = [
    ...upstream.map((name) => (name === '*' ? 'every upstream server of the tenant' : name)),
    ...natives,
  ]
  return `reaches: ${all.length === 0 ? 'nothing' : all.join(', ')}${isSaid ? '' : ' (--servers was not given)'}`
}

/** A token, on a line of its own, behind others. */
export function withToken(line: string, answer: Answer, more: readonly string[] = []) {
  return changed(line, answer, [...more, `token: ${answer.body.token}`])
}

/** The members of the document that the options name, and no others: what is not said stays. */
function saidOf(api: Api, given: Given, world: World): Record<string, unknown> {
  const { values } = given
  const policy = values.get('policy')
  const servers = values.get('servers')
  const expires =
    values.get('expires') === 'never'
      ? null
      : momentOf(api, given, { option: 'expires', direction: 'from now', world })
  const label = values.get('label')
  const owner = values.get('owner')
  const sessions = values.get('sessions')
  return {
    ...(label === undefined ? {} : { label }),
    ...(policy === undefined ? {} : { policy: policy === '' ? null : policy }),
    ...(servers === undefined
      ? {}
      : { servers: servers === '*' ? '*' : listed(servers).filter((it) => it !== '') }),
    ...(owner === undefined ? {} : { owner: owner === '' ? null : owner }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(expires === undefined ? {} : { expires_at: expires }),
  }
}
