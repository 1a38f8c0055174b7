/** Asserts that a row is there which was written in this very transaction, or which every tenant has. Throws where it is not. */
export function present<T>(value: T | null): T {
  if (value === null) throw new Error('what was just written is not there')
  return value
}
