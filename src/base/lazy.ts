/**
 * Things that are made when they are first needed, and kept. A Worker evaluates its modules before it answers anything, so what costs
 * time to make and most requests do without is not made there. PURE.
 */

/**
 * A function that makes a thing at its first call and returns the same at every other one. Where `make` throws, nothing is kept, and the
 * next call makes it again.
 *
 *     const orders = lazy(() => sources.map((source) => new RegExp(source, 'u')))
 *     orders()
 */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly it: T } | undefined
  return () => {
    made ??= { it: make() }
    return made.it
  }
}
