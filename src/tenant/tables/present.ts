/** What was written in this very transaction, or must be there with the tenant, is there. Throws where it is not. */
export function present<T>(value: T | null): T {
  if (value === null) throw new Error('what was just written is not there')
  return value
}
