/** The document that an administrator writes for a grant. PURE. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { type NativeServerName, nativeServerNames } from '../names/native-servers.ts'
import { object } from '../policy/fragments.ts'
import type { DocumentOf } from './document.ts'
import { expiresAt } from './expiry.ts'
import { sessionModes } from './session-mode.ts'

const MODES = sessionModes.join(', ')
const NAMES = 'a list of at most 200 names of servers, or "*"'

/** A value of `servers`, alone or in the list: every upstream server of the tenant, now and later. */
export const EVERY_UPSTREAM = '*'

export const grantSchema = lazy(() =>
  object({
    label: z.string().min(1, '1 to 200 characters').max(200, '1 to 200 characters').optional(),
    policy: z.string().nullable().default(null),
    servers: z
      .union([z.literal('*'), z.array(z.string().max(63, NAMES)).max(200, NAMES)], { error: NAMES })
      .default('*')
      .describe(
        'Upstream servers by name, or "*" for all; and, by name alone, the native ones (session, legiti). "*" is a grant’s of ' +
          'every native server, too, that was made before they had to be named, and in the demo',
      ),
    owner: z
      .string()
      .nullable()
      .default(null)
      .describe('The person whose agent it is: they cannot approve its calls'),
    sessions: z
      .enum(sessionModes, { error: MODES })
      .default('auto')
      .describe(
        'To which login a request belongs that names none: of its connection, or of the stateless era (auto); of the ' +
          'grant (one); to none, so that every call names its session (many)',
      ),
    expires_at: expiresAt(),
  }),
)

type WrittenGrant = DocumentOf<ReturnType<typeof grantSchema>>

/** The document of a grant as it is stored, but for its time of expiry, which is stored in Unix milliseconds. */
export type GrantDocument = Omit<WrittenGrant, 'label' | 'expires_at'> & {
  readonly label: string
  readonly expiresAtMs: number | null
}

/** The document with the label that it has where it says none, and each server once, in order. */
export function completeGrant(name: string, { label = name, ...document }: WrittenGrant) {
  return { label, ...document, servers: tidyServers(document.servers) }
}

function tidyServers(servers: '*' | readonly string[]): '*' | readonly string[] {
  return servers === EVERY_UPSTREAM ? servers : [...new Set(servers)].sort()
}

/** Tells whether a grant reaches an upstream server. */
export function reachesUpstream({ servers }: Pick<GrantDocument, 'servers'>, name: string): boolean {
  return servers === EVERY_UPSTREAM || servers.includes(EVERY_UPSTREAM) || servers.includes(name)
}

/** The native servers that a grant has, where its deployment has them. */
export function nativesOf({
  servers,
  everyNative,
}: Pick<GrantDocument, 'servers'> & { readonly everyNative: boolean }): NativeServerName[] {
  return nativeServerNames.filter((name) =>
    servers === EVERY_UPSTREAM ? everyNative : servers.includes(name),
  )
}
