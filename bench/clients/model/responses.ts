/** OpenAI's Responses API, as far as Codex uses it. A tool may stand in a namespace, which its server's name is. */
import { type Answer, freshId, type Json, list, type Provider, textsIn } from './provider.ts'
import type { Asked, Said } from './script.ts'

/** Between a namespace and a tool's name, where they are written as one. */
const BETWEEN = '::'

export const responses: Provider = {
  matches: (path) => path.endsWith('/responses'),
  read,
  write,
}

function read(body: Json): Asked {
  const tools = list(body.tools).flatMap((tool) =>
    tool.type === 'namespace'
      ? list(tool.tools).map(({ name }) => `${String(tool.name)}${BETWEEN}${String(name)}`)
      : [String(tool.name ?? tool.type)],
  )
  const last = list(body.input)
    .filter(({ type }) => type === 'function_call_output')
    .at(-1)
  return { tools, shown: last === undefined ? null : textsIn(last.output).join('\n'), isError: null }
}

function write(said: Said, body: Json): Answer {
  const id = freshId('resp_')
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 10,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 20,
  }
  const item = said.kind === 'text' ? messageItem(said.text) : callItem(said)
  const response = { id, object: 'response', model: body.model, output: [item], usage, status: 'completed' }
  if (body.stream !== true) return { kind: 'document', document: response }
  const events = [
    { type: 'response.created', response: { ...response, output: [], status: 'in_progress' } },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response },
  ]
  return { kind: 'events', events: events.map((data) => ({ event: data.type, data })) }
}

function messageItem(text: string) {
  return {
    type: 'message',
    id: freshId('msg_'),
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text, annotations: [] }],
  }
}

function callItem({ tool, args }: Extract<Said, { kind: 'call' }>) {
  const [first = '', name] = tool.split(BETWEEN)
  return {
    type: 'function_call',
    id: freshId('fc_'),
    call_id: freshId('call_'),
    ...(name === undefined ? { name: first } : { namespace: first, name }),
    arguments: JSON.stringify(args),
    status: 'completed',
  }
}
