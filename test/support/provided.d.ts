/** What other-side.ts provides to tests in workerd, and built-once.ts to those of whole programs. */
import 'vitest'

declare module 'vitest' {
  export interface ProvidedContext {
    otherSide: string
    /** The MCP endpoint of a server that does what a call's argument `behave` says: misbehaving.ts. */
    upstream: string
    /** The private half of the key that /keys publishes, as a JWK. */
    signingKey: string
    /** The folder of the Workers that this run has built: built-worker.ts. */
    builtWorkers: string
  }
}
