/**
 * JSON in one form only: names of every object in code-unit order, nothing between the tokens (as RFC 8785 has it for
 * what JSON.parse returns). Two texts that say the same have the same form. PURE.
 */
import { isObject } from '../policy/json.ts'

/** The canonical text of what JSON.parse has returned. The gateway bounds the depth of what it reads. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`)
  return `{${members.join(',')}}`
}
