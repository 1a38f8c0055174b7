/** Google's Gemini API, as far as Gemini CLI uses it. */
import { type Answer, type Json, list, type Provider } from './provider.ts'
import type { Asked, Said } from './script.ts'

export const gemini: Provider = {
  matches: (path) => /:(streamGenerateContent|generateContent)$/.test(path),
  read,
  write,
}

function read(body: Json): Asked {
  const tools = list(body.tools)
    .flatMap(({ functionDeclarations }) => list(functionDeclarations))
    .map(({ name }) => String(name))
  const last = list(body.contents)
    .flatMap(({ parts }) => list(parts))
    .filter(({ functionResponse }) => functionResponse !== undefined)
    .at(-1)?.functionResponse as Json | undefined
  if (last === undefined) return { tools, shown: null, isError: null }
  const response = (last.response ?? {}) as Json
  const { output, error } = response
  const shown = [output ?? error ?? JSON.stringify(response)].map(String).join('\n')
  return { tools, shown, isError: error !== undefined }
}

function write(said: Said, _: Json, path: string): Answer {
  const part =
    said.kind === 'text' ? { text: said.text } : { functionCall: { name: said.tool, args: said.args } }
  const document = {
    candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 10, totalTokenCount: 20 },
    modelVersion: 'stub',
  }
  return path.endsWith(':generateContent')
    ? { kind: 'document', document }
    : { kind: 'events', events: [{ data: document }] }
}
