/** The body of a PUT: a document of at most 1 MiB, JSON or, where that is taken, YAML. */
import { isDeeperThan } from '../base/depth.ts'
import { problem } from '../base/errors.ts'
import { MAX_JSON_DEPTH } from '../request/body.ts'
import { loadProtocol } from '../request/protocol.ts'

const MAX_BYTES = 1024 * 1024
const yamlTypes = ['text/yaml', 'application/yaml']

/** A document's text, or the answer that refuses it. */
export type ReadDocument<T> =
  | { readonly ok: true; readonly document: T; readonly text: string }
  | { readonly ok: false; readonly response: Response }

/** Reads a JSON document. Never throws. */
export async function readJson(request: Request): Promise<ReadDocument<unknown>> {
  const read = await readText(request, [])
  if (!read.ok) return read
  try {
    return { ok: true, document: JSON.parse(read.text) as unknown, text: read.text }
  } catch {
    return refused(400, 'Not JSON', 'The body is not valid JSON.')
  }
}

/** Reads the text of a document that may be YAML, too. Never throws. */
export function readJsonOrYaml(request: Request): Promise<ReadDocument<string>> {
  return readText(request, yamlTypes)
}

async function readText(request: Request, otherTypes: readonly string[]): Promise<ReadDocument<string>> {
  const type = request.headers.get('content-type')
  const { isJsonContentType, readRequestBody } = await loadProtocol()
  const isJson = isJsonContentType(type)
  if (!isJson && !otherTypes.includes(type?.split(';')[0]?.trim().toLowerCase() ?? '')) {
    const allowed = ['application/json', ...otherTypes].join(', ')
    return refused(
      415,
      'Unsupported media type',
      `Content-Type is ${type === null ? 'missing' : JSON.stringify(type.slice(0, 100))}; allowed: ${allowed}.`,
    )
  }
  let text: string
  try {
    const read = await readRequestBody(request, MAX_BYTES)
    if (read.tooLarge) return refused(413, 'Too large', `The body is larger than ${MAX_BYTES} bytes.`)
    text = read.text
  } catch {
    return refused(400, 'Unreadable', 'The body could not be read.')
  }
  // Text that is YAML is not measured: its own reader refuses what is nested too deeply.
  if (isJson && isDeeperThan(text, MAX_JSON_DEPTH))
    return refused(400, 'Too deep', `The JSON is nested deeper than ${MAX_JSON_DEPTH} levels.`)
  return { ok: true, document: text, text }
}

function refused(
  status: number,
  title: string,
  detail: string,
): { readonly ok: false; readonly response: Response } {
  return { ok: false, response: problem(status, title, detail) }
}
