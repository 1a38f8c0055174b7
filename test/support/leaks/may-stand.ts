/**
 * What of a run may be found in its storage, and why. Everything else that it used must not be: there is no other list,
 * and nothing here goes by a value. PURE.
 */
import { legitiToolNames } from '../../../src/legiti/tools/tool.ts'
import type { Needle } from './needles.ts'

/** Where something was found. `table` null: somewhere in the file, read as bytes. */
export interface Place {
  /** Class of the Durable Object, `AUDIT_DB`, or `log`. */
  readonly store: string
  readonly table: string | null
  readonly column: string | null
}

/** Arguments that are names, and are on record as such: [tool, argument, why]. */
const onRecord: readonly (readonly [tool: string | null, argument: string, why: string])[] = [
  ['auth_login', 'provider', 'audit rows and sessions say how the account was proven'],
  ['auth_login', 'account_id', 'an account is a name: sessions, audit rows and Legiti have it'],
  ['auth_login', 'username', "a store's account is known by the name that logs in"],
  ['auth_login', 'store', 'stores are in the settings by name'],
  [
    null,
    'behave.kind',
    'how a stand-in is told to fail is said in the words in which the gateway names failures',
  ],
  [null, 'session', 'the handle of a session is its name; it opens nothing without a token'],
  [null, 'gatehouse_session', 'the same, where a tool has an argument `session` of its own'],
  [null, 'gatehouse_session_2', 'the same, where it has both'],
]

interface Permission {
  readonly why: string
  readonly isFor: (needle: Needle) => boolean
  /** Stores, with the columns in which it stands. As bytes it stands anywhere in their files. */
  readonly in: Readonly<Record<string, readonly string[]>>
}

const legitiNames: ReadonlySet<string> = new Set(legitiToolNames)

const permissions: readonly Permission[] = [
  {
    // docs/decisions/0004-outbox-holds-facts.md
    why: 'what Legiti is to be told waits in the outbox, in order of what it is about; the stand-in shows what it was told',
    isFor: ({ kind, tool }) => kind === 'argument' && tool !== null && legitiNames.has(tool),
    in: { PrincipalObject: ['outbox.args', 'outbox.ordering_key'], LegitiStandIn: ['received.event'] },
  },
  {
    why: "a server's URL is kept as it was registered, where it is needed; credentials belong into headers, which are sealed",
    isFor: ({ kind }) => kind === 'key in a URL',
    in: {
      TenantObject: ['servers.document'],
      PrincipalObject: ['grants.config', 'upstream_sessions.url'],
    },
  },
]

/** Whether an argument of a tool is a name that is on record. */
export function isOnRecord(tool: string, argument: string): boolean {
  return onRecord.some(([of, name]) => (of === null || of === tool) && name === argument)
}

/** Why it may stand there, or null: it may not. */
export function whyMayStand(needle: Needle, { store, table, column }: Place): string | null {
  const found = permissions.find(({ isFor, in: stores }) => {
    const columns = stores[store]
    return (
      columns !== undefined && isFor(needle) && (table === null || columns.includes(`${table}.${column}`))
    )
  })
  return found?.why ?? null
}
