/** What other-side.ts provides to tests in workerd. */
import 'vitest'

declare module 'vitest' {
  export interface ProvidedContext {
    otherSide: string
    /** The private half of the key that /keys publishes, as a JWK. */
    signingKey: string
  }
}
