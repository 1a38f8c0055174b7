/** Anthropic's Messages API, as far as Claude Code uses it. */
import { type Answer, freshId, type Json, list, type Provider, textsIn } from './provider.ts'
import type { Asked, Said } from './script.ts'

export const anthropic: Provider = {
  matches: (path) => path === '/v1/messages',
  read,
  write,
}

function read(body: Json): Asked {
  const tools = list(body.tools).map(({ name }) => String(name))
  const results = list(body.messages)
    .filter(({ role }) => role === 'user')
    .flatMap(({ content }) => list(content))
    .filter(({ type }) => type === 'tool_result')
  const last = results.at(-1)
  if (last === undefined) return { tools, shown: null, isError: null }
  return { tools, shown: textsIn(last.content).join('\n'), isError: last.is_error === true }
}

function write(said: Said, body: Json): Answer {
  const block =
    said.kind === 'text'
      ? { type: 'text', text: said.text }
      : { type: 'tool_use', id: freshId('toolu_'), name: said.tool, input: said.args }
  const stop = said.kind === 'text' ? 'end_turn' : 'tool_use'
  const message = {
    id: freshId('msg_'),
    type: 'message',
    role: 'assistant',
    model: body.model,
    stop_sequence: null,
    usage: {
      input_tokens: 10,
      output_tokens: 10,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
    },
  }
  if (body.stream !== true)
    return { kind: 'document', document: { ...message, content: [block], stop_reason: stop } }
  const [empty, delta] =
    said.kind === 'text'
      ? [
          { type: 'text', text: '' },
          { type: 'text_delta', text: said.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(said.args) },
        ]
  const events = [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: empty },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: stop, stop_sequence: null },
      usage: { output_tokens: 10 },
    },
    { type: 'message_stop' },
  ]
  return { kind: 'events', events: events.map((data) => ({ event: data.type, data })) }
}
