/** The native server `session`: log in, log out, and see who is logged in. */
import type { ToolAnnotations } from '@modelcontextprotocol/server'
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import type { Admitted, SessionView } from '../../contract/principal.ts'
import { SESSION_ARGUMENT } from '../../request/session-argument-text.ts'
import { failure, success } from '../kit/result.ts'
import { definition } from '../kit/schemas.ts'
import { type NativeTool, sessionHandle } from '../kit/tool.ts'
import { providerText, withProviders } from './listed-providers.ts'
import { prepareLogin } from './login.ts'
import { providerArguments, providerNames, providers } from './providers/all.ts'
import type { Given } from './providers/provider.ts'

const time = (what: string) => z.iso.datetime().describe(`${what} (ISO 8601, UTC)`)

const sessionOutput = lazy(() => ({
  session: z.string().describe('The session handle').nullable(),
  account: z.string().describe('The account that the session acts for').nullable(),
  provider: z.string().describe('How the account was proven').nullable(),
  started_at: time('When the session began').nullable(),
  idle_expires_at: time('When the session ends unless it is used before').nullable(),
  expires_at: time('When the session ends in any case').nullable(),
}))

const argumentSchemas = () =>
  Object.entries(providerArguments).map(([name, { schema }]) => [name, schema().optional()] as const)

const loginInput = lazy(() =>
  z.strictObject({
    provider: z.enum(providerNames).describe(providerText(providers)),
    ...Object.fromEntries(argumentSchemas()),
    [SESSION_ARGUMENT]: sessionHandle(),
  }),
)
const secretArguments = Object.keys(providerArguments).filter((name) => providerArguments[name]?.isSecret)

const logoutInput = lazy(() =>
  z.strictObject({
    params: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Action parameters as a JSON object; not used'),
    [SESSION_ARGUMENT]: sessionHandle(),
  }),
)

const whoamiInput = lazy(() => z.strictObject({ [SESSION_ARGUMENT]: sessionHandle() }))

const message = lazy(() => z.string().describe('The same in a sentence'))

const loginOutput = lazy(() =>
  z.object({
    message: message(),
    ended: z.string().nullable().describe('The session that this login replaced and ended'),
    ...sessionOutput(),
  }),
)
const logoutOutput = lazy(() =>
  z.object({
    message: z.enum(['Logged out successfully', 'No active session']),
    ended: z.boolean().describe('Whether this call ended a session'),
    session: z.string().nullable().describe('The session that ended'),
  }),
)
const whoamiOutput = lazy(() =>
  z.object({
    message: message(),
    logged_in: z.boolean(),
    grant: z.string().describe('The label of the grant that this client uses'),
    tenant: z.string(),
    live_sessions: z
      .int()
      .optional()
      .describe('Where every call must name its session and this one did not: how many are live'),
    ...sessionOutput(),
  }),
)

export const sessionTools: readonly NativeTool[] = [
  tool({
    name: 'auth_login',
    title: 'Log in',
    description:
      'Start a session that acts for one account. Later calls of this client belong to it until auth_logout or until ' +
      'it expires. Logging in again ends the session that was live and starts a new one. The returned session handle, ' +
      'passed as the argument "session" of a call, names the session where a client has several.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: loginInput,
    secrets: secretArguments,
    output: loginOutput,
    listed: (definition, { settings, showsAll }) =>
      showsAll ? definition : withProviders(definition, settings),
    prepare: (args, context) => prepareLogin(args as Given, context, completeLogin),
  }),
  tool({
    name: 'auth_logout',
    title: 'Log out',
    description: logoutDescription(true),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: logoutInput,
    output: logoutOutput,
    listed: (definition, { deployed }) => ({
      ...definition,
      description: logoutDescription(deployed.has('legiti')),
    }),
    prepare: () => ({ kind: 'work', work: { kind: 'logout' }, complete: completeLogout }),
  }),
  tool({
    name: 'auth_whoami',
    title: 'Who am I',
    description: 'Show which account, session and grant this client acts with, and when the session ends.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: whoamiInput,
    output: whoamiOutput,
    prepare: () => ({ kind: 'work', work: { kind: 'whoami' }, complete: completeWhoami }),
  }),
]

function logoutDescription(hasLegiti: boolean): string {
  const told = hasLegiti ? ' and Legiti is told that the account has logged out' : ''
  return (
    `End the current session. Its data is destroyed${told}. The client’s connection stays, and auth_login starts another ` +
    'session on it. Without a live session nothing changes.'
  )
}

function completeLogin({ session, outcome }: Admitted) {
  const ended = outcome.kind === 'logged_in' ? outcome.endedSession : null
  const facts = sessionFacts(session)
  const message = `Logged in as ${facts.account}. Session ${facts.session}, until ${facts.expires_at} at the latest.`
  return { result: success(message, { ended, ...facts }) }
}

function completeLogout({ outcome }: Admitted) {
  if (outcome.kind === 'unnamed') {
    const text = `No session was ended: the call does not say which. ${howToName(outcome.live)}`
    return { result: failure('session_required', text, { live_sessions: outcome.live }) }
  }
  const ended = outcome.kind === 'logged_out' ? outcome.ended : null
  const message = ended === null ? 'No active session' : 'Logged out successfully'
  return { result: success(message, { ended: ended !== null, session: ended?.id ?? null }) }
}

function completeWhoami({ session, outcome, label, tenant }: Admitted) {
  const isLoggedIn = session !== null
  const facts = sessionFacts(session)
  const who = isLoggedIn ? `Logged in as ${facts.account}` : 'Not logged in'
  const said = { logged_in: isLoggedIn, grant: label, tenant, ...facts }
  if (outcome.kind !== 'unnamed') return { result: success(`${who}. Grant: ${label}.`, said) }
  const text = `${who}: the call names no session. ${howToName(outcome.live)} Grant: ${label}.`
  return { result: success(text, { ...said, live_sessions: outcome.live }) }
}

/** The handles themselves are not said: each opens a session to whoever has it. */
function howToName(live: number): string {
  const sessions = live === 1 ? '1 session of this grant is' : `${live} sessions of this grant are`
  return `${sessions} live; pass the handle that auth_login returned as the argument "${SESSION_ARGUMENT}".`
}

function sessionFacts(session: SessionView | null) {
  const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString())
  return {
    session: session?.id ?? null,
    account: session?.account ?? null,
    provider: session?.provider ?? null,
    started_at: at(session?.startedAtMs),
    idle_expires_at: at(session?.idleExpiresAtMs),
    expires_at: at(session?.expiresAtMs),
  }
}

function tool(it: {
  name: string
  title: string
  description: string
  annotations: ToolAnnotations
  input: () => z.ZodObject
  output: () => z.ZodObject
  secrets?: readonly string[]
  listed?: NativeTool['listed']
  prepare: NativeTool['prepare']
}): NativeTool {
  const { name, title, description, annotations, input, output, secrets = [], listed, prepare } = it
  return {
    server: 'session',
    definition: definition(
      { name, title, description, annotations: { title, ...annotations } },
      { input, output },
    ),
    input,
    secrets,
    ...(listed === undefined ? {} : { listed }),
    prepare,
  }
}
