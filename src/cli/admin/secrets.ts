/** `secret …`: values that go in and never come out. */
import { type Api, changed, Ended, type Json, part } from '../gateway/api.ts'
import { administer, keyOf, mistaken, ONE } from '../gateway/command.ts'
import { member, shownList } from '../gateway/shown.ts'
import type { Given } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'
import { FINE, type Outcome, PROBLEMS, unreadable, type World } from '../kit/outcome.ts'

const PATH = '/secrets'
const of = (name: string) => `${PATH}/${part(name)}`

export const secretCommands: readonly Command[] = [
  administer({
    group: 'secret',
    name: 'set',
    summary: 'Store a secret, or replace it; the value is never a word of the command line',
    operands: ONE,
    options: [
      { name: 'from', value: 'FILE', help: 'the file that the value is in, without its last line break' },
      { name: 'env', value: 'VARIABLE', help: 'the environment variable that the value is in' },
      {
        name: 'origins',
        value: 'ORIGIN[,…]',
        help: 'where it may be sent: https://crm.example.com; without, where it may now',
      },
    ],
    changes: true,
    tells: true,
    creates: true,
    examples: [
      'pass show crm | gatehouse secret set crm --from - --origins https://crm.example.com',
      'gatehouse secret set crm --env CRM_KEY',
    ],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const origins = given.values.get('origins')
      const body = {
        value: await secretValue(api, given, world),
        ...(origins === undefined ? {} : { origins: origins.split(',').map((it) => it.trim()) }),
      }
      const answer = await api.put(of(name), { body, ...keyOf(given) })
      return changed(`secret ${name} ${answer.status === 201 ? 'stored' : 'replaced'}`, answer)
    },
  }),
  administer({
    group: 'secret',
    name: 'list',
    summary: 'List the names of all secrets, and the servers that use them',
    json: 'items',
    examples: ['gatehouse secret list'],
    run: async (api) =>
      shownList(await api.all(PATH), [
        member('name'),
        member('key'),
        member('servers'),
        member('origins'),
        member('updated_at'),
      ]),
  }),
  administer({
    group: 'secret',
    name: 'remove',
    summary: 'Forget a secret that no header is made of',
    operands: ONE,
    changes: true,
    destroys: (_api, { operands: [name = ''] }) => ({
      question: `Remove the secret ${name}? Its value cannot be read back.`,
    }),
    examples: ['gatehouse secret remove crm'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`secret ${name} removed`, await api.delete(of(name))),
  }),
  administer({
    group: 'secret',
    name: 'rotate',
    summary: 'Seal everything anew with the current key of ENCRYPTION_KEYS',
    changes: true,
    exitCodes: '0 all is sealed anew; 1 something is left; 2 not understood, or no answer',
    examples: ['gatehouse secret rotate'],
    run: async (api) => {
      let resealed = 0
      for (;;) {
        const { body } = await api.post(`${PATH}/rotate`)
        resealed += Number(body.resealed)
        // Stuck values stay so, however often they are asked for.
        if (Number(body.left) > Number(body.stuck) && Number(body.resealed) > 0) continue
        return rotated({ ...body, resealed })
      }
    },
  }),
]

function rotated(body: Json): Outcome {
  const { key, resealed, left, stuck, pending, unknown } = body
  const isDone = left === 0 && pending === 0 && unknown === 0
  const isFree = left === stuck && pending === 0 && unknown === 0
  return {
    code: isDone ? FINE : PROBLEMS,
    lines: [
      `sealed anew with ${key}: ${resealed}; left: ${left}`,
      ...(Number(stuck) > 0
        ? [
            `${stuck} of them no key opens: put the key back, or write them again; store tokens and kept answers end by themselves`,
          ]
        : []),
      ...(Number(pending) > 0
        ? [`${pending} grants could not be told yet: keep the old key until they are`]
        : []),
      ...(Number(unknown) > 0
        ? [`${unknown} grants could not be asked what they hold: keep the old key until they can`]
        : []),
      ...(isFree
        ? [`nothing${Number(stuck) > 0 ? ' else' : ''} of this tenant needs another key than ${key}`]
        : []),
    ],
    errors: [],
    data: body,
  }
}

async function secretValue(api: Api, { values }: Given, world: World): Promise<string> {
  const from = values.get('from')
  const name = values.get('env')
  const allowed = '--from FILE (- is standard input), or --env VARIABLE'
  if ((from === undefined) === (name === undefined))
    throw mistaken(api, { found: from === undefined ? 'no value' : '--from and --env', allowed })
  if (from !== undefined) {
    const content = await world.read(from)
    if (!content.ok) throw new Ended(unreadable([{ file: from, reason: content.reason }]))
    return new TextDecoder().decode(content.bytes).replace(/\r?\n$/, '')
  }
  const value = world.variable(name ?? '')
  if (value === undefined)
    throw mistaken(api, { found: `no variable ${name}`, allowed: 'one that is set, and not empty' })
  return value
}
