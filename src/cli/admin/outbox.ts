/** `outbox …`: what is still to be told to Legiti, and what could not be. */
import { changed, part } from '../gateway/api.ts'
import { administer, QUEUE_STATE } from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Command } from '../kit/command.ts'

const GRANT = { names: 'GRANT', least: 1, most: 1 }
const of = (grant: string) => `/grants/${part(grant)}/outbox`

export const outboxCommands: readonly Command[] = [
  administer({
    group: 'outbox',
    name: 'status',
    summary: 'Show how a grant’s outbox stands',
    operands: GRANT,
    examples: ['gatehouse outbox status bot'],
    run: async (api, { operands: [grant = ''] }) => shownThing((await api.get(of(grant))).body),
  }),
  administer({
    group: 'outbox',
    name: 'list',
    summary: 'List events of a grant’s outbox, the oldest first',
    operands: GRANT,
    options: [QUEUE_STATE],
    json: 'items',
    examples: ['gatehouse outbox list bot --state dead'],
    run: async (api, { operands: [grant = ''], values }) =>
      shownList(await api.all(`${of(grant)}/events`, { state: values.get('state') }), [
        member('id'),
        member('tool'),
        member('state'),
        member('occurred_at', 'occurred'),
        member('attempts'),
        member('last_error'),
      ]),
  }),
  administer({
    group: 'outbox',
    name: 'replay',
    summary: 'Send a dead letter again',
    operands: { names: 'GRANT EVENT', least: 2, most: 2 },
    changes: true,
    examples: ['gatehouse outbox replay bot 0198c2f4-7d1e-7b5a-9c3e-2f4a6b8c0d1e'],
    run: async (api, { operands: [grant = '', event = ''] }) =>
      changed(`${event} is queued`, await api.post(`${of(grant)}/events/${part(event)}/replay`)),
  }),
]
