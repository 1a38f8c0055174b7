/** `session …`: who is logged in where. */
import { type Answer, type Api, changed, part } from '../gateway/api.ts'
import { administer, mistaken } from '../gateway/command.ts'
import { member, shownList } from '../gateway/shown.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'

const grantOption: Option = { name: 'grant', value: 'G', help: 'those of this grant' }
const accountOption: Option = { name: 'account', value: 'A', help: 'those of this account' }
const ofGrant = (grant: string) => `/grants/${part(grant)}/sessions`

export const sessionCommands: readonly Command[] = [
  administer({
    group: 'session',
    name: 'list',
    summary: 'List live sessions',
    options: [grantOption, accountOption],
    json: 'items',
    examples: ['gatehouse session list', 'gatehouse session list --grant bot --account ana'],
    run: async (api, { values }) => {
      const grant = values.get('grant')
      const path = grant === undefined ? '/sessions' : ofGrant(grant)
      return shownList(await api.all(path, { account: values.get('account') }), [
        member('id'),
        member('grant'),
        member('account'),
        member('provider'),
        member('started_at', 'started'),
        member('last_seen_at', 'last seen'),
        member('expires_at', 'expires'),
      ])
    },
  }),
  administer({
    group: 'session',
    name: 'end',
    summary: 'End one session of a grant, all of a grant, or all of an account',
    operands: { names: '[SESSION]', least: 0, most: 1 },
    options: [grantOption, accountOption],
    changes: true,
    destroys: (api, given) => ({ question: `End ${meant(api, given).described}?` }),
    examples: [
      'gatehouse session end 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed --grant bot',
      'gatehouse session end --grant bot --account ana',
      'gatehouse session end --account ana',
    ],
    run: async (api, given) => {
      const answer = await meant(api, given).end()
      return changed(`sessions ended: ${answer.body.ended}`, answer)
    },
  }),
]

/** The sessions that the words of the command mean, and how to end them. */
function meant(
  api: Api,
  { operands: [session], values }: Given,
): { readonly described: string; readonly end: () => Promise<Answer> } {
  const grant = values.get('grant')
  const account = values.get('account')
  const body = account === undefined ? {} : { account }
  if (grant !== undefined && session !== undefined && account === undefined)
    return {
      described: `the session ${session}`,
      end: () => api.delete(`${ofGrant(grant)}/${part(session)}`),
    }
  if (grant !== undefined && session === undefined)
    return {
      described: `every session of ${account === undefined ? '' : `the account ${account} in `}the grant ${grant}`,
      end: () => api.post(`${ofGrant(grant)}/end`, { body }),
    }
  if (account !== undefined && session === undefined)
    return {
      described: `every session of the account ${account}`,
      end: () => api.post('/sessions/end', { body }),
    }
  throw mistaken(api, {
    found: session === undefined ? 'nothing to end' : 'a session without its grant, or with an account',
    allowed: 'SESSION --grant G, --grant G, --grant G --account A, --account A',
  })
}
