/** Values of headers that are wrapped where they would not survive as plain text (MCP 2026-07-28, Streamable HTTP). PURE. */

/**
 * A header's value, which is wrapped as `=?base64?…?=` where it would not survive as plain text. Null where
 * the wrapping is there and its content is not Base64 of UTF-8.
 */
export function decodeHeaderValue(value: string): string | null {
  const text = value.trim()
  const wrapped = /^=\?base64\?(.*)\?=$/i.exec(text)?.[1]
  if (wrapped === undefined) return text
  if (wrapped.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(wrapped)) return null
  try {
    const bytes = Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** A text as a header's value: as it is where it arrives unchanged, otherwise as `=?base64?…?=` of its UTF-8. */
export function encodeHeaderValue(text: string): string {
  const isPlain = /^[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text)
  if (isPlain) return text
  let bytes = ''
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte)
  return `=?base64?${btoa(bytes)}?=`
}
