/** The forms in which a value can stand in storage or in a log, beside its own. PURE. */

export interface Form {
  /** plain, JSON, URL, UTF-16, hex or base64. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** What base64 is made of shorter values stands in other base64 by chance. */
const SHORTEST_BASE64 = 8

const encoder = new TextEncoder()

/** Every form of a value; `text` is null where it is bytes that are no text. */
export function formsOf({
  bytes,
  text,
}: {
  readonly bytes: Uint8Array
  readonly text: string | null
}): Form[] {
  const forms = new Map<string, Form>()
  const add = (name: string, form: string | Uint8Array) => {
    const of = typeof form === 'string' ? encoder.encode(form) : form
    const key = of.join()
    if (!forms.has(key)) forms.set(key, { name, bytes: of })
  }
  add('plain', bytes)
  if (text !== null) {
    const quoted = JSON.stringify(text).slice(1, -1)
    add('JSON', quoted)
    add('JSON in JSON', JSON.stringify(quoted).slice(1, -1))
    for (const encoded of urlEncoded(text)) add('URL', encoded)
    add('UTF-16', utf16(text))
  }
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  add('hex', hex)
  add('hex', hex.toUpperCase())
  if (bytes.length < SHORTEST_BASE64) return [...forms.values()]
  for (const offset of [0, 1, 2]) {
    const base64 = base64At(bytes, offset)
    add('base64', base64)
    add('base64', base64.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return [...forms.values()]
}

/** RFC 3986 and, for forms, application/x-www-form-urlencoded. */
function urlEncoded(text: string): string[] {
  const component = encodeURIComponent(text.toWellFormed())
  const form = new URLSearchParams({ a: text }).toString().slice(2)
  const lower = component.replaceAll(/%[0-9A-F]{2}/g, (it) => it.toLowerCase())
  return [component, lower, form]
}

/** As SQLite and V8 store text that is not Latin: UTF-16, little end first. */
function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    bytes[2 * i] = text.charCodeAt(i) & 0xff
    bytes[2 * i + 1] = text.charCodeAt(i) >> 8
  }
  return bytes
}

/** What of the base64 of a longer text is `bytes` alone, where they begin `offset` bytes into a group of three. */
function base64At(bytes: Uint8Array, offset: number): string {
  const padded = new Uint8Array(offset + bytes.length)
  padded.set(bytes, offset)
  const all = btoa(Array.from(padded, (byte) => String.fromCharCode(byte)).join(''))
  return all.slice(Math.ceil((offset * 8) / 6), Math.floor((padded.length * 8) / 6))
}
