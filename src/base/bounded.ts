/** Reads the body of an answer, of which no more than a bound is ever held. */

/** The text, or null where it is larger. Throws where the body breaks off. */
export async function readBounded(response: Response, mostBytes: number): Promise<string | null> {
  const declared = Number(response.headers.get('content-length') ?? 0)
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for (;;) {
    const { done, value } = declared > mostBytes ? { done: false, value: null } : await reader.read()
    if (done) return text + decoder.decode()
    bytes += value?.byteLength ?? mostBytes + 1
    if (bytes > mostBytes) {
      reader.cancel().catch(() => {})
      return null
    }
    text += decoder.decode(value ?? undefined, { stream: true })
  }
}
