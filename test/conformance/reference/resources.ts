/** The resources, prompts and completions of the reference servers, in either era. */
import { PNG } from './content.ts'
import { WATCHED_RESOURCE, type World } from './world.ts'

export const resources = [
  {
    uri: 'test://static-text',
    name: 'static-text',
    description: 'A text that never changes',
    mimeType: 'text/plain',
  },
  {
    uri: 'test://static-binary',
    name: 'static-binary',
    description: 'A picture that never changes',
    mimeType: 'image/png',
  },
  {
    uri: WATCHED_RESOURCE,
    name: 'watched-resource',
    description: 'A text that touch_resource changes',
    mimeType: 'text/plain',
  },
]

export const resourceTemplates = [
  {
    uriTemplate: 'test://template/{id}/data',
    name: 'template',
    description: 'Data of any id',
    mimeType: 'application/json',
  },
]

type Contents = { uri: string; mimeType: string } & ({ text: string } | { blob: string })

/** The contents of a resource, or null when there is none. */
export function readResource(uri: string, world: World): Contents | null {
  if (uri === 'test://static-text')
    return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: PNG }
  if (uri === WATCHED_RESOURCE) return { uri, mimeType: 'text/plain', text: `Revision ${world.revision}` }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
  if (id === undefined) return null
  const data = { id, templateTest: true, data: `Data for ID: ${id}` }
  return { uri, mimeType: 'application/json', text: JSON.stringify(data) }
}

type Message = {
  role: 'user'
  content:
    | { type: 'text'; text: string }
    | { type: 'image'; data: string; mimeType: string }
    | { type: 'resource'; resource: { uri: string; mimeType: string; text: string } }
}

export interface Prompt {
  readonly name: string
  readonly description: string
  readonly arguments?: { name: string; description: string; required: boolean }[]
  messages(args: Readonly<Record<string, string>>): Message[]
}

const required = (name: string, description: string) => ({ name, description, required: true })
const says = (text: string): Message => ({ role: 'user', content: { type: 'text', text } })

const prompts: readonly Prompt[] = [
  {
    name: 'test_simple_prompt',
    description: 'Takes no arguments',
    messages: () => [says('This is a simple prompt for testing.')],
  },
  {
    name: 'test_prompt_with_arguments',
    description: 'Takes two arguments',
    arguments: [required('arg1', 'First test argument'), required('arg2', 'Second test argument')],
    messages: ({ arg1, arg2 }) => [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'Has a resource in it',
    arguments: [required('resourceUri', 'URI of the resource to embed')],
    messages: ({ resourceUri = '' }) => [
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: {
            uri: resourceUri,
            mimeType: 'text/plain',
            text: 'Embedded resource content for testing.',
          },
        },
      },
      says('Please process the embedded resource above.'),
    ],
  },
  {
    name: 'test_prompt_with_image',
    description: 'Has a picture in it',
    messages: () => [
      { role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
      says('Please analyze the image above.'),
    ],
  },
]

const passingPrompt: Prompt = {
  name: 'passing_prompt',
  description: 'Is there only now and then',
  messages: () => [says('Just passing through')],
}

/** The prompts that are there now. */
export function promptsOf(world: World): readonly Prompt[] {
  return world.hasPassingPrompt ? [...prompts, passingPrompt] : prompts
}

/** What a list says of a prompt. */
export function listed({ name, description, arguments: args }: Prompt) {
  return { name, description, ...(args === undefined ? {} : { arguments: args }) }
}

/** What may follow after what has been typed, for any argument. */
export function completionsOf(typed: string): { values: string[]; total: number; hasMore: boolean } {
  const values = ['paris', 'park', 'party', 'test', 'testing'].filter((word) => word.startsWith(typed))
  return { values, total: values.length, hasMore: false }
}
