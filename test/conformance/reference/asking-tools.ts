/** Tools that ask the client for something before they answer, and how to make more of those that show a form. */
import { noArguments, objectOf, type Question, type Tool, text } from './tool.ts'

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

export const askingTools: readonly Tool[] = [
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

interface Elicited {
  readonly action?: string
  readonly content?: Readonly<Record<string, unknown>>
}

function elicited({ action, content }: Elicited): string {
  return `Elicitation completed: action=${action}, content=${JSON.stringify(content)}`
}

/** A tool that has the user fill in a form, and answers with what they did. */
export function asks(
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
