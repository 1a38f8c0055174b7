/**
 * One line of JSON for the operator. Callers pass names, counts, times and codes: never a secret, never the
 * value of an argument.
 */
export function log(
  level: 'info' | 'warn' | 'error',
  event: string,
  fields: Readonly<Record<string, string | number | boolean | null>> = {},
): void {
  console[level](JSON.stringify({ ...fields, level, event }))
}

/** All that a log may say of an error: its message may quote what a client sent. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
