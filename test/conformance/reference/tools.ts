/**
 * The tools that reference servers of both eras have: those that the conformance suite calls by name, and below
 * them a few for tests of our own.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { PNG, WAV } from './content.ts'
import { noArguments, objectOf, type Question, type Tool, text } from './tool.ts'
import type { World } from './world.ts'

/** Long enough for a client to see one message before the next. */
const BEAT_MS = 50

const plain: readonly Tool[] = [
  {
    // The suite calls whatever is listed first with no arguments, so this stays first.
    name: 'test_simple_text',
    description: 'Answers with a text',
    inputSchema: noArguments,
    call: () => text('This is a simple text response for testing.'),
  },
  {
    name: 'test_image_content',
    description: 'Answers with a picture',
    inputSchema: noArguments,
    call: () => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] }),
  },
  {
    name: 'test_audio_content',
    description: 'Answers with a sound',
    inputSchema: noArguments,
    call: () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }),
  },
  {
    name: 'test_embedded_resource',
    description: 'Answers with a resource',
    inputSchema: noArguments,
    call: () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  },
  {
    name: 'test_multiple_content_types',
    description: 'Answers with a text, a picture and a resource',
    inputSchema: noArguments,
    call: () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        { type: 'image', data: PNG, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: JSON.stringify({ test: 'data', value: 123 }),
          },
        },
      ],
    }),
  },
  {
    name: 'test_error_handling',
    description: 'Always fails',
    inputSchema: noArguments,
    call: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
  },
  {
    name: 'json_schema_2020_12_tool',
    description: 'Has an input schema that uses much of JSON Schema 2020-12',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    call: ({ args }) => text(JSON.stringify(args)),
  },
  {
    name: 'test_x_mcp_header',
    description: 'Wants an argument repeated in a header (stateless era)',
    inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } },
    call: ({ args }) => text(`region: ${String(args.region)}`),
  },
]

const talking: readonly Tool[] = [
  {
    name: 'test_tool_with_logging',
    description: 'Logs three messages while it runs',
    inputSchema: noArguments,
    call: async ({ log }) => {
      await log('info', 'Tool execution started')
      await wait(BEAT_MS)
      await log('info', 'Tool processing data')
      await wait(BEAT_MS)
      await log('info', 'Tool execution completed')
      return text('Logged three messages')
    },
  },
  {
    name: 'test_tool_with_progress',
    description: 'Reports progress three times while it runs',
    inputSchema: noArguments,
    call: async ({ progress }) => {
      await progress(0, 100)
      await wait(BEAT_MS)
      await progress(50, 100)
      await wait(BEAT_MS)
      await progress(100, 100)
      return text('Reported progress three times')
    },
  },
  {
    name: 'test_reconnection',
    description: 'Ends the stream of its call before it answers; the client has to come back (session era)',
    inputSchema: noArguments,
    call: async ({ endStream }) => {
      endStream()
      await wait(2 * BEAT_MS)
      return text('Reconnection test completed successfully')
    },
  },
]

const defaultsSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'User name', default: 'John Doe' },
    age: { type: 'integer', description: 'User age', default: 30 },
    score: { type: 'number', description: 'User score', default: 95.5 },
    status: {
      type: 'string',
      description: 'User status',
      enum: ['active', 'inactive', 'pending'],
      default: 'active',
    },
    verified: { type: 'boolean', description: 'Whether the user is verified', default: true },
  },
}

const titled = (titles: Readonly<Record<string, string>>) =>
  Object.entries(titles).map(([value, title]) => ({ const: value, title }))

const enumsSchema = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: {
      type: 'string',
      oneOf: titled({ value1: 'First Option', value2: 'Second Option', value3: 'Third Option' }),
    },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: {
      type: 'array',
      items: { anyOf: titled({ value1: 'First Choice', value2: 'Second Choice', value3: 'Third Choice' }) },
    },
  },
}

const asking: readonly Tool[] = [
  {
    name: 'test_sampling',
    description: "Has the client's model answer a prompt",
    inputSchema: objectOf({ prompt: { type: 'string' } }),
    questions: ({ prompt }) => ({
      completion: { method: 'sampling/createMessage', params: { prompt: String(prompt), maxTokens: 100 } },
    }),
    call: ({ answers }) => {
      const { content } = answers.completion as { content?: { text?: string } }
      return text(`LLM response: ${content?.text}`)
    },
  },
  asks('test_elicitation', {
    inputSchema: objectOf({ message: { type: 'string' } }),
    message: ({ message }) => String(message),
    requestedSchema: objectOf({
      username: { type: 'string', description: "User's response" },
      email: { type: 'string', description: "User's email address" },
    }),
    answer: ({ action, content }) => `User response: action=${action}, content=${JSON.stringify(content)}`,
  }),
  asks('test_elicitation_sep1034_defaults', {
    message: () => 'Please look through these defaults',
    requestedSchema: defaultsSchema,
    answer: elicited,
  }),
  asks('test_elicitation_sep1330_enums', {
    message: () => 'Please choose',
    requestedSchema: enumsSchema,
    answer: elicited,
  }),
]

const forTestsOfOurs: readonly Tool[] = [
  {
    name: 'echo',
    description: 'Answers with what it was given',
    inputSchema: objectOf({ text: { type: 'string' } }),
    call: ({ args }) => text(String(args.text)),
  },
  {
    name: 'slow_progress',
    description: 'Reports progress `steps` times, `wait_ms` apart, then answers; stops when it is cancelled',
    inputSchema: {
      type: 'object',
      properties: { steps: { type: 'integer', minimum: 1 }, wait_ms: { type: 'integer', minimum: 0 } },
    },
    call: async ({ args, progress, signal, world }) => {
      const { steps = 3, wait_ms = BEAT_MS } = args as { steps?: number; wait_ms?: number }
      for (let step = 1; step <= steps; step++) {
        await progress(step, steps)
        await wait(wait_ms, undefined, { signal }).catch((error: unknown) => {
          world.noteCancellation()
          throw error
        })
      }
      return text(`${steps} steps`)
    },
  },
  asks('ask_name', {
    message: () => 'What is your name?',
    requestedSchema: objectOf({ name: { type: 'string' } }),
    answer: ({ action, content }) =>
      action === 'accept' ? `Hello, ${String(content?.name)}!` : `No name: ${action}`,
  }),
  {
    name: 'list_roots',
    description: "Answers with the client's roots",
    inputSchema: noArguments,
    questions: () => ({ roots: { method: 'roots/list' } }),
    call: ({ answers }) => {
      const { roots = [] } = answers.roots as { roots?: { uri: string }[] }
      return text(`Roots: ${roots.map(({ uri }) => uri).join(', ')}`)
    },
  },
  {
    name: 'log_messages',
    description: 'Logs `count` messages of a level, at once',
    inputSchema: {
      type: 'object',
      properties: {
        level: { type: 'string', enum: ['debug', 'info', 'warning', 'error'] },
        count: { type: 'integer', minimum: 0 },
      },
    },
    call: async ({ args, log }) => {
      const { level = 'info', count = 1 } = args as {
        level?: 'debug' | 'info' | 'warning' | 'error'
        count?: number
      }
      for (let i = 1; i <= count; i++) await log(level, `message ${i}`)
      return text(`${count} messages`)
    },
  },
  changes('touch_resource', 'Changes the watched resource', (world) => world.touchResource()),
  changes('test_trigger_tool_change', 'Changes the list of tools', (world) => world.changeTools()),
  changes('test_trigger_prompt_change', 'Changes the list of prompts', (world) => world.changePrompts()),
]

export const tools: readonly Tool[] = [...plain, ...talking, ...asking, ...forTestsOfOurs]

/** There only now and then. */
export const passingTool: Tool = {
  name: 'passing_tool',
  description: 'Is there only now and then',
  inputSchema: noArguments,
  call: () => text('Just passing through'),
}

interface Elicited {
  readonly action?: string
  readonly content?: Readonly<Record<string, unknown>>
}

function elicited({ action, content }: Elicited): string {
  return `Elicitation completed: action=${action}, content=${JSON.stringify(content)}`
}

/** A tool that has the user fill in a form, and answers with what they did. */
function asks(
  name: string,
  form: {
    inputSchema?: Tool['inputSchema']
    message: (args: Readonly<Record<string, unknown>>) => string
    requestedSchema: Readonly<Record<string, unknown>>
    answer: (elicited: Elicited) => string
  },
): Tool {
  const question = (args: Readonly<Record<string, unknown>>): Question => ({
    method: 'elicitation/create',
    params: { message: form.message(args), requestedSchema: form.requestedSchema },
  })
  return {
    name,
    description: 'Has the user fill in a form',
    inputSchema: form.inputSchema ?? noArguments,
    questions: (args) => ({ form: question(args) }),
    call: ({ answers }) => text(form.answer(answers.form as Elicited)),
  }
}

function changes(name: string, description: string, change: (world: World) => void): Tool {
  return {
    name,
    description,
    inputSchema: noArguments,
    call: ({ world }) => {
      change(world)
      return text('Changed')
    },
  }
}
