/** JSON that is the same text for the same content. PURE. */
import { isObject } from './json.ts'

/**
 * JSON with the names of every object in code-unit order and nothing between the tokens. Without recursion: it may be
 * nested as deeply as its sender likes. Null where it would be longer than `most` characters.
 */
export function canonicalJson(value: unknown): string
export function canonicalJson(value: unknown, most: number): string | null
export function canonicalJson(value: unknown, most = Number.POSITIVE_INFINITY): string | null {
  const out: string[] = []
  const left: ({ readonly text: string } | { readonly value: unknown })[] = [{ value }]
  let chars = 0
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if ('text' in next) {
      out.push(next.text)
      chars += next.text.length
    } else if (Array.isArray(next.value)) {
      out.push('[')
      left.push({ text: ']' })
      chars += next.value.length
      for (let i = next.value.length - 1; i >= 0 && chars <= most; i--) {
        left.push({ value: next.value[i] })
        if (i > 0) left.push({ text: ',' })
      }
    } else if (isObject(next.value)) {
      const object = next.value
      out.push('{')
      left.push({ text: '}' })
      const names = Object.keys(object)
        .filter((name) => object[name] !== undefined)
        .sort()
      chars += names.length
      for (let i = names.length - 1; i >= 0 && chars <= most; i--) {
        const name = names[i] as string
        left.push({ value: object[name] }, { text: `${i > 0 ? ',' : ''}${JSON.stringify(name)}:` })
      }
    } else {
      const isLong = typeof next.value === 'string' && next.value.length > most
      const text = isLong ? '' : (JSON.stringify(next.value) ?? 'null')
      chars += isLong ? most : text.length
      out.push(text)
    }
    if (chars > most) return null
  }
  const text = out.join('')
  return text.length > most ? null : text
}
