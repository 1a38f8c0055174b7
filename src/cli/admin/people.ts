/** `person …`: who may administer a tenant. */

import { documentOf } from '../../contract/document.ts'
import { personSchema } from '../../contract/person-document.ts'
import { personRoles } from '../../contract/roles.ts'
import type { Api } from '../gateway/api.ts'
import { changed, part } from '../gateway/api.ts'
import {
  administer,
  keyOf,
  listed,
  momentOf,
  ONE,
  oneOf,
  secondsOf,
  unlessConfirmed,
  yes,
} from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'
import { withToken } from './grants.ts'

const PATH = '/people'
const of = (name: string) => `${PATH}/${part(name)}`
const role: Option = {
  name: 'role',
  value: 'ROLE',
  values: personRoles,
  help: oneOf(personRoles),
}
const email: Option = {
  name: 'email',
  value: 'ADDRESS',
  help: 'who Cloudflare Access says they are; none where absent',
}

const accounts: Option = {
  name: 'accounts',
  value: 'A1,A2',
  help: 'by which sessions know them, such as the sub of a token',
}

export const personCommands: readonly Command[] = [
  administer({
    group: 'person',
    name: 'add',
    summary: 'Add a person',
    operands: ONE,
    options: [{ ...role, required: true }, email, accounts],
    changes: true,
    creates: true,
    examples: ['gatehouse person add ana --role admin --email ana@acme.example'],
    run: async (api, given) => {
      const {
        operands: [name = ''],
        values,
      } = given
      const body = { role: values.get('role'), email: values.get('email'), accounts: accountsOf(values) }
      const made = await api.put(of(name), { body, absent: true, ...keyOf(given) })
      return changed(`person ${name} added`, made)
    },
  }),
  administer({
    group: 'person',
    name: 'set',
    summary: 'Change a person’s role, address or accounts; what is not said stays',
    operands: ONE,
    options: [
      role,
      { ...email, help: 'who Cloudflare Access says they are; "" for nobody' },
      { ...accounts, help: `${accounts.help}; "" for none` },
      { ...yes, help: 'do it without asking, also where nobody is admin then' },
    ],
    changes: true,
    examples: ['gatehouse person set ana --role viewer'],
    run: async (api, given, world) => {
      const {
        operands: [name = ''],
        values,
      } = given
      const before = await api.get(of(name))
      const address = values.get('email')
      const next = values.get('role') ?? before.body.role
      if (before.body.role === 'admin' && next !== 'admin' && (await isLastAdmin(api, name))) {
        const question = `Make ${name} ${next}?`
        const refused = await unlessConfirmed(api, given, world, {
          lines: [noAdminLeft(api, name)],
          question,
          data: {
            done: false,
          },
        })
        if (refused !== null) return refused
      }
      const accounts = accountsOf(values)
      const body = {
        ...documentOf(personSchema(), before.body),
        role: next,
        ...(address === undefined ? {} : { email: address === '' ? null : address }),
        ...(accounts === undefined ? {} : { accounts }),
      }
      return changed(`person ${name} changed`, await api.put(of(name), { body, match: before.tag }))
    },
  }),
  administer({
    group: 'person',
    name: 'list',
    summary: 'List the people',
    json: 'items',
    examples: ['gatehouse person list'],
    run: async (api) =>
      shownList(await api.all(PATH), [
        member('name'),
        member('role'),
        member('email'),
        member('accounts'),
        member('tokens'),
      ]),
  }),
  administer({
    group: 'person',
    name: 'show',
    summary: 'Show a person',
    operands: ONE,
    examples: ['gatehouse person show ana'],
    run: async (api, { operands: [name = ''] }) => shownThing((await api.get(of(name))).body),
  }),
  administer({
    group: 'person',
    name: 'token',
    summary: 'Give a person a token in place of those before it; it is printed, this once',
    operands: ONE,
    options: [
      { name: 'expires', value: 'TIME', help: '2030-01-31T12:00:00Z, or 30d from now; never where absent' },
      {
        name: 'overlap',
        value: 'DURATION',
        help: 'how long those before it stay good, such as 1h; 0 if absent',
      },
    ],
    changes: true,
    creates: true,
    examples: ['gatehouse person token ana --expires 90d'],
    run: async (api, given, world) => {
      const [name = ''] = given.operands
      const body = {
        expires_at: momentOf(api, given, { option: 'expires', direction: 'from now', world }),
        overlap_seconds: secondsOf(api, given, 'overlap'),
      }
      return withToken(
        `person ${name} has a token`,
        await api.post(`${of(name)}/token`, { body, ...keyOf(given, world.id()) }),
      )
    },
  }),
  administer({
    group: 'person',
    name: 'revoke-token',
    summary: 'Revoke a person’s tokens',
    operands: ONE,
    changes: true,
    destroys: (_api, { operands: [name = ''] }) => ({ question: `Revoke all tokens of ${name}?` }),
    examples: ['gatehouse person revoke-token ana'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`tokens of ${name} revoked`, await api.delete(`${of(name)}/token`)),
  }),
  administer({
    group: 'person',
    name: 'remove',
    summary: 'Remove a person, and with them their tokens',
    operands: ONE,
    changes: true,
    destroys: (api, { operands: [name = ''] }) => ({
      question: `Remove the person ${name} and all of their tokens?`,
      consequences: async () => {
        const owned = (await api.all('/grants')).filter(({ owner }) => owner === name).map((it) => it.name)
        return [
          ...((await isLastAdmin(api, name)) ? [noAdminLeft(api, name)] : []),
          ...(owned.length === 0 ? [] : [`Grants that keep ${name} as their owner: ${owned.join(', ')}.`]),
        ]
      },
    }),
    examples: ['gatehouse person remove ana'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`person ${name} removed`, await api.delete(of(name))),
  }),
]

/** True if this person is the only admin. */
async function isLastAdmin(api: Api, name: string): Promise<boolean> {
  const admins = (await api.all(PATH)).filter(({ role }) => role === 'admin')
  return admins.length === 1 && admins[0]?.name === name
}

function noAdminLeft({ tenant }: Api, name: string): string {
  return `${name} is the last admin of the tenant ${tenant}: without one, the root token alone administers it. Only the root token can do this.`
}

/** Reads the option; undefined where it was not given. */
function accountsOf(values: Given['values']): string[] | undefined {
  const said = values.get('accounts')
  return said === undefined ? undefined : listed(said).filter((it) => it !== '')
}
