/** A tenant's settings of identity providers, each with what follows from it for the deployment. PURE. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { isLoopback } from '../base/loopback.ts'
import { object } from '../policy/fragments.ts'

const jwtIssuer = lazy(() =>
  object({
    /** Compared exactly with the token's `iss` (RFC 7519, 4.1.1). */
    issuer: z.string().min(1).max(512),
    /** At least one must be among the token's `aud` (RFC 7519, 4.1.3). */
    audience: z.array(z.string().min(1).max(512)).min(1).max(16),
    /**
     * The address at which the issuer publishes its keys; fetched over https (or, where private addresses are allowed, from loopback) and
     * cached.
     */
    jwks_uri: z.url().refine(isSafeKeyUrl, 'an https URL, or http on a loopback address').optional(),
    /** The keys themselves (RFC 7517), for issuers that publish none. */
    jwks: object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(32) }).optional(),
  }).refine(
    (it) => (it.jwks === undefined) !== (it.jwks_uri === undefined),
    'exactly one of jwks_uri and jwks',
  ),
)

const magentoStore = lazy(() =>
  object({
    /** The name of the store in a login. */
    name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, '1 to 63 of a-z, 0-9 and -'),
    /** The address of its REST API: `<base_url>/rest/V1/…`. Callers cannot change it. */
    base_url: z
      .url()
      .max(2_048)
      .refine(
        isStoreUrl,
        'an https URL (or http, where that is allowed) without user name, query and fragment',
      ),
    /** True where its customers may log in; the same for its administrators. */
    customer: z.boolean().default(false),
    admin: z.boolean().default(false),
    /** The prefix of account ids, which keeps those of several stores apart. */
    account_prefix: z.string().max(64).default(''),
  }).refine((it) => it.customer || it.admin, 'customer, admin or both are true'),
)

/** `identity` in a tenant's settings: a member for each kind of provider. */
export const identitySettings = lazy(() =>
  object({
    /** True where this tenant's grants may assert an account without proof. */
    trusted: z.boolean().default(false),
    jwt: z.array(jwtIssuer()).max(16).default([]),
    /** Magento 2 stores whose accounts may log in. */
    magento: z
      .array(magentoStore())
      .max(16)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'each name once')
      .default([]),
  }).prefault({}),
)

export type IdentitySettings = z.infer<ReturnType<typeof identitySettings>>
export type JwtIssuer = z.infer<ReturnType<typeof jwtIssuer>>
export type MagentoStore = z.infer<ReturnType<typeof magentoStore>>

/** Every address that the gateway would ask under these settings, with the JSON pointer to it. */
export function identityAddresses({
  magento,
  jwt,
}: IdentitySettings): readonly (readonly [pointer: string, address: string])[] {
  return [
    ...magento.map(({ base_url }, i) => [`/identity/magento/${i}/base_url`, base_url] as const),
    ...jwt.flatMap(({ jwks_uri }, i) =>
      jwks_uri === undefined ? [] : [[`/identity/jwt/${i}/jwks_uri`, jwks_uri] as const],
    ),
  ]
}

/** Returns the settings that would have no effect in a deployment without ENCRYPTION_KEYS, each with what is allowed. */
export function identityWithoutKeys({ magento }: IdentitySettings): readonly string[] {
  return magento.flatMap(({ customer }, i) =>
    customer
      ? [
          `/identity/magento/${i}/customer: found true; allowed: false, because this deployment has no ENCRYPTION_KEYS, which a ` +
            'customer’s token is sealed with',
        ]
      : [],
  )
}

function isSafeKeyUrl(text: string): boolean {
  const url = new URL(text)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

function isStoreUrl(text: string): boolean {
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '')
}
