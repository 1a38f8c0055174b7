/**
 * One line of JSON for the operator. Callers pass names, counts, times and codes: never a secret, never the
 * value of an argument.
 */
export function log(
  level: 'info' | 'warn' | 'error',
  event: string,
  fields: Readonly<Record<string, string | number | boolean | null>> = {},
): void {
  console[level](JSON.stringify({ level, event, ...fields }))
}
