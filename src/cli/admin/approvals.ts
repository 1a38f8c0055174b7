/** `approval …`: calls that wait for a person. */
import type { Command } from '../commands.ts'
import { changed, part } from './api.ts'
import { administer } from './command.ts'
import { member, shownList, shownThing } from './shown.ts'

const PATH = '/approvals'
const WHICH = { names: 'ID', least: 1, most: 1 }
const reason = { name: 'reason', value: 'TEXT', help: 'why; of a denial the agent is told' }

export const approvalCommands: readonly Command[] = [
  administer({
    group: 'approval',
    name: 'list',
    summary: 'List calls that wait for a person, or did, the youngest first',
    options: [
      {
        name: 'state',
        value: 'STATE',
        help: 'pending, approved, denied, used, asking or expired; all where absent',
      },
    ],
    json: 'items',
    examples: ['gatehouse approval list --state pending'],
    run: async (api, { values }) =>
      shownList(await api.all(PATH, { state: values.get('state') }), [
        member('id'),
        member('state'),
        member('grant'),
        member('account'),
        member('server'),
        member('tool'),
        member('requested_at', 'requested'),
        member('expires_at', 'expires'),
      ]),
  }),
  administer({
    group: 'approval',
    name: 'show',
    summary: 'Show an approval',
    operands: WHICH,
    examples: ['gatehouse approval show apr_bot_7Fq2'],
    run: async (api, { operands: [id = ''] }) => shownThing((await api.get(`${PATH}/${part(id)}`)).body),
  }),
  ...(['approve', 'deny'] as const).map((decision) =>
    administer({
      group: 'approval',
      name: decision,
      summary:
        decision === 'approve'
          ? 'Let a call be made, once, exactly as asked'
          : 'Refuse a call, also one approved',
      operands: WHICH,
      options: [reason],
      examples: [`gatehouse approval ${decision} apr_bot_7Fq2 --reason "as agreed"`],
      run: async (api, { operands: [id = ''], values }) => {
        const body = { decision, reason: values.get('reason') }
        const decided = await api.post(`${PATH}/${part(id)}`, { body })
        return changed(`${id}: ${decided.body.state}`, decided)
      },
    }),
  ),
]
