/** What an administrator writes of a grant. PURE. */
import * as z from 'zod/v4'
import { object } from '../policy/fragments.ts'
import { sessionModes } from './session-mode.ts'

const MODES = sessionModes.join(', ')
const NAMES = 'a list of at most 200 names of servers, or "*"'

export const grantSchema = object({
  label: z.string().min(1, '1 to 200 characters').max(200, '1 to 200 characters').optional(),
  policy: z.string().nullable().default(null),
  servers: z
    .union([z.literal('*'), z.array(z.string().max(63, NAMES)).max(200, NAMES)], { error: NAMES })
    .default('*'),
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
  expires_at: z.iso
    .datetime({ offset: true, error: 'a time like 2030-01-31T12:00:00Z, or null' })
    .nullable()
    .default(null),
})
