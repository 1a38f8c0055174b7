/** The tools that reference servers of both eras have: first of all those that the conformance suite calls by name. */
import { setTimeout as wait } from 'node:timers/promises'
import { askingTools } from './asking-tools.ts'
import { PNG, WAV } from './content.ts'
import { ourTools } from './our-tools.ts'
import { noArguments, type Tool, text } from './tool.ts'

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

export const tools: readonly Tool[] = [...plain, ...talking, ...askingTools, ...ourTools]

/** There only now and then. */
export const passingTool: Tool = {
  name: 'passing_tool',
  description: 'Is there only now and then',
  inputSchema: noArguments,
  call: () => text('Just passing through'),
}
