/** `approval …`: calls that wait for a person. */
import { visible } from '../../approvals/visible.ts'
import { approvalStates } from '../../contract/approvals.ts'
import { changed, type Json, part } from '../gateway/api.ts'
import { administer } from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Command } from '../kit/command.ts'

const PATH = '/approvals'
const WHICH = { names: 'ID', least: 1, most: 1 }
/** As much of a call as one line has room for. */
const LONGEST_LINE = 80

/** The arguments with their values, or their names where values are not shown; what is left out is in `approval show`. */
function carried({ content, argument_names: names }: Json): string {
  const { arguments: args, omitted = [] } = (content ?? {}) as { arguments?: object; omitted?: unknown[] }
  if (args === undefined) return Array.isArray(names) && names.length > 0 ? names.join(', ') : '—'
  const text = visible(JSON.stringify(args))
  const isCut = text.length > LONGEST_LINE
  return `${isCut ? `${text.slice(0, LONGEST_LINE - 1)}…` : text}${omitted.length > 0 ? ' (shortened)' : ''}`
}

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
        values: approvalStates,
        help: 'pending, approved, denied, used, asking or expired; all where absent',
      },
    ],
    json: 'items',
    examples: ['gatehouse approval list --state pending'],
    run: async (api, { values }) =>
      // Only who may decide is told what a call carries; whoever may not gets the same list without.
      shownList(await api.all(PATH, { state: values.get('state'), content: 'true' }), [
        member('id'),
        member('state'),
        member('grant'),
        member('account'),
        member('server'),
        member('tool'),
        ['arguments', carried],
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
    run: async (api, { operands: [id = ''] }) => {
      const { lines, ...shown } = shownThing((await api.get(`${PATH}/${part(id)}`)).body)
      return { ...shown, lines: lines.map(visible) }
    },
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
