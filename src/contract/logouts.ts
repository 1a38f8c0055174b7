/** Logins and logouts that an identity provider can bring about, as they are reported to a tenant. */

/** A login that is about to happen, as its token says. */
export interface ExpectedLogin {
  readonly grant: string
  readonly issuer: string
  readonly subject: string
  readonly sid: string | null
  /** Seconds, by the issuer's clock; null where the token does not say. */
  readonly issuedAt: number | null
}

/** The content of an issuer's logout token. */
export interface IssuerLogout {
  readonly issuer: string
  readonly subject: string | null
  readonly sid: string | null
  /** Seconds, by the issuer's clock. */
  readonly issuedAt: number
  readonly jti: string
  /** The digest of the token, to tell one that is sent again from another with the same id. */
  readonly digest: string
}

/** The number of sessions that have ended, and of principals that have yet to be asked. */
export interface Ended {
  readonly ended: number
  readonly pending: number
}
