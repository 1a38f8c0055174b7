/** The document of a person, as administrators write it. PURE. */
import * as z from 'zod/v4'
import { asciiLowerCase } from '../base/ascii.ts'
import { lazy } from '../base/lazy.ts'
import { object } from '../policy/fragments.ts'
import type { DocumentOf } from './document.ts'
import { personRoles } from './roles.ts'

const ACCOUNTS = 'a list of at most 20 accounts of 1 to 256 characters'
const EMAIL = 'an e-mail address, or null'

export const personSchema = lazy(() =>
  object({
    role: z.enum(personRoles),
    email: z
      .email(EMAIL)
      .max(254, EMAIL)
      .transform(asciiLowerCase)
      .nullable()
      .default(null)
      .describe('The address by which Cloudflare Access knows them'),
    accounts: z
      .array(z.string(ACCOUNTS).trim().min(1, ACCOUNTS).max(256, ACCOUNTS), ACCOUNTS)
      .max(20, ACCOUNTS)
      .default([])
      .describe(
        'By which sessions know them, such as the sub of their tokens: they cannot approve calls of such sessions',
      ),
  }),
)

export type PersonDocument = DocumentOf<ReturnType<typeof personSchema>>
