/** OpenAI's Chat Completions API, which every program that takes "a compatible provider" speaks. */
import { type Answer, freshId, type Json, list, type Provider, textsIn } from './provider.ts'
import type { Asked, Said } from './script.ts'

export const chat: Provider = {
  matches: (path) => path.endsWith('/chat/completions'),
  read,
  write,
}

function read(body: Json): Asked {
  const tools = list(body.tools).map((tool) => String((tool.function as Json | undefined)?.name))
  const last = list(body.messages)
    .filter(({ role }) => role === 'tool')
    .at(-1)
  return { tools, shown: last === undefined ? null : textsIn(last.content).join('\n'), isError: null }
}

function write(said: Said, body: Json): Answer {
  const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }
  const reason = said.kind === 'text' ? 'stop' : 'tool_calls'
  const message =
    said.kind === 'text'
      ? { role: 'assistant', content: said.text }
      : { role: 'assistant', content: null, tool_calls: [callOf(said)] }
  const base = { id: freshId('chatcmpl_'), created: 1_700_000_000, model: body.model }
  if (body.stream !== true) {
    const choices = [{ index: 0, message, finish_reason: reason }]
    return { kind: 'document', document: { ...base, object: 'chat.completion', choices, usage } }
  }
  const delta = said.kind === 'text' ? message : { ...message, tool_calls: [{ index: 0, ...callOf(said) }] }
  const chunk = (choices: unknown[], more: Json = {}) => ({
    data: { ...base, object: 'chat.completion.chunk', choices, ...more },
  })
  const events = [
    chunk([{ index: 0, delta, finish_reason: null }]),
    chunk([{ index: 0, delta: {}, finish_reason: reason }]),
    chunk([], { usage }),
    { data: '[DONE]' },
  ]
  return { kind: 'events', events }
}

function callOf({ tool, args }: Extract<Said, { kind: 'call' }>) {
  return { id: freshId('call_'), type: 'function', function: { name: tool, arguments: JSON.stringify(args) } }
}
