/** A grant's setting: the login to which a request belongs that names none. PURE. */

export const sessionModes = ['auto', 'one', 'many'] as const

/**
 * - `auto`: in the session era the login of its transport; in the stateless era the grant's login that was made on none
 * - `one`: the grant's, whatever the connection or era
 * - `many`: to none; every call names its session
 */
export type SessionMode = (typeof sessionModes)[number]

/** The setting of a configuration; those that were stored before there was one mean `auto`. */
export function sessionModeOf({
  settings,
}: {
  readonly settings: { readonly session_mode?: SessionMode | undefined }
}): SessionMode {
  return settings.session_mode ?? 'auto'
}
