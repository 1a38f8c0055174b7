/** The name and version with which a client introduces itself. */

/** A client as rows name it: one line each, without characters that cannot be seen. */
export interface ClientName {
  /** 1 to 64 characters. */
  readonly name: string
  /** 1 to 32 characters; null: it gave none that can be shown. */
  readonly version: string | null
}
