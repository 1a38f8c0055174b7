/** `webhook …`: who is told of what happens. */
import { documentOf } from '../../contract/document.ts'
import { webhookSchema } from '../../contract/webhook-document.ts'
import { type Api, changed, part } from '../gateway/api.ts'
import { administer, keyOf, listed, mistaken, ONE, QUEUE_STATE, secondsOf } from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'

const PATH = '/webhooks'
const of = (name: string) => `${PATH}/${part(name)}`
const described: readonly Option[] = [
  { name: 'at', value: 'URL', help: 'where messages are sent' },
  { name: 'events', value: 'E1,E2', help: 'what it is told of; everything where absent' },
  {
    name: 'enabled',
    value: 'yes|no',
    values: ['yes', 'no'],
    help: 'whether it is told at all; yes where absent',
  },
]

export const webhookCommands: readonly Command[] = [
  administer({
    group: 'webhook',
    name: 'add',
    summary: 'Make a webhook; the secret that its messages are signed with is printed, this once',
    operands: ONE,
    options: described.map((option) => (option.name === 'at' ? { ...option, required: true } : option)),
    changes: true,
    creates: true,
    examples: ['gatehouse webhook add oncall --at https://hooks.acme.example/gatehouse'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const made = await api.put(of(name), {
        body: saidOf(api, given),
        absent: true,
        ...keyOf(given, world.id()),
      })
      return changed(`webhook ${name} made`, made, [`secret: ${made.body.secret}`])
    },
  }),
  administer({
    group: 'webhook',
    name: 'set',
    summary: 'Change a webhook, all but its secret; what is not said stays',
    operands: ONE,
    options: described,
    changes: true,
    examples: ['gatehouse webhook set oncall --enabled no'],
    run: async (api, given) => {
      const [name = ''] = given.operands
      const { body, tag } = await api.get(of(name))
      const next = { ...documentOf(webhookSchema(), body), ...saidOf(api, given) }
      return changed(`webhook ${name} changed`, await api.put(of(name), { body: next, match: tag }))
    },
  }),
  administer({
    group: 'webhook',
    name: 'rotate',
    summary: 'Give a webhook another secret; it is printed, this once',
    operands: ONE,
    options: [
      {
        name: 'overlap',
        value: 'DURATION',
        help: 'how long messages are signed with the one before as well, such as 1h; a day if absent',
      },
    ],
    changes: true,
    creates: true,
    examples: ['gatehouse webhook rotate oncall', 'gatehouse webhook rotate oncall --overlap 0'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const overlap = secondsOf(api, given, 'overlap')
      const body = overlap === undefined ? {} : { overlap_seconds: overlap }
      const made = await api.post(`${of(name)}/rotate`, { body, ...keyOf(given, world.id()) })
      return changed(`webhook ${name} has another secret`, made, [`secret: ${made.body.secret}`])
    },
  }),
  administer({
    group: 'webhook',
    name: 'list',
    summary: 'List the webhooks and how they stand',
    json: 'items',
    examples: ['gatehouse webhook list'],
    run: async (api) =>
      shownList(await api.all(PATH), [
        member('name'),
        member('url'),
        member('enabled'),
        member('state'),
        member('pending'),
        member('dead'),
        member('last_success_at', 'last success'),
      ]),
  }),
  administer({
    group: 'webhook',
    name: 'show',
    summary: 'Show a webhook, without its secret',
    operands: ONE,
    examples: ['gatehouse webhook show oncall'],
    run: async (api, { operands: [name = ''] }) => shownThing((await api.get(of(name))).body),
  }),
  administer({
    group: 'webhook',
    name: 'messages',
    summary: 'List messages to a webhook, the oldest first',
    operands: ONE,
    options: [QUEUE_STATE],
    json: 'items',
    examples: ['gatehouse webhook messages oncall --state dead'],
    run: async (api, { operands: [name = ''], values }) =>
      shownList(await api.all(`${of(name)}/messages`, { state: values.get('state') }), [
        member('id'),
        member('type'),
        member('state'),
        member('at'),
        member('attempts'),
        member('last_error'),
      ]),
  }),
  administer({
    group: 'webhook',
    name: 'replay',
    summary: 'Send a dead letter again',
    operands: { names: 'NAME MESSAGE', least: 2, most: 2 },
    changes: true,
    examples: ['gatehouse webhook replay oncall msg_7Fq2'],
    run: async (api, { operands: [name = '', message = ''] }) =>
      changed(`${message} is queued`, await api.post(`${of(name)}/messages/${part(message)}/replay`)),
  }),
  administer({
    group: 'webhook',
    name: 'remove',
    summary: 'Forget a webhook and what waits for it',
    operands: ONE,
    changes: true,
    destroys: (_api, { operands: [name = ''] }) => ({
      question: `Remove the webhook ${name} with its messages?`,
    }),
    examples: ['gatehouse webhook remove oncall'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`webhook ${name} removed`, await api.delete(of(name))),
  }),
]

/** The members of the document that the options name, and no others: what is not said stays. */
function saidOf(api: Api, { values }: Given): Record<string, unknown> {
  const url = values.get('at')
  const events = values.get('events')
  const enabled = values.get('enabled')
  if (enabled !== undefined && enabled !== 'yes' && enabled !== 'no')
    throw mistaken(api, { found: `--enabled ${JSON.stringify(enabled)}`, allowed: 'yes, no' })
  return {
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events: listed(events) }),
    ...(enabled === undefined ? {} : { enabled: enabled === 'yes' }),
  }
}
