/**
 * Stands in the bundle for the part of the protocol package that differs between runtimes: wrangler.toml says so under `[alias]`. The
 * package's own part for Workers makes the schemas of both eras when it is loaded, and brings a validator of JSON Schemas (6 KB
 * compressed) that checks answers to questions. Nothing here asks through the package, so there is none, and schemas are made when they
 * are first needed. PURE.
 */

/** What the package makes of the validator: one for each server, unused. */
export class DefaultJsonSchemaValidator {
  /** @throws always, so that what would have been checked is refused */
  getValidator(): never {
    throw new Error(
      'found a JSON Schema to check in the protocol package; allowed: none, for the gateway checks its own',
    )
  }
}

/** There is no standard input in a Worker. */
export const process: Readonly<Record<string, never>> = {}
