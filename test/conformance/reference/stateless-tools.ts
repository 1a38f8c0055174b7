/**
 * What the conformance suite calls in the stateless era only: tools and a prompt that need the client's input
 * and say so in their result, with a state that the client hands back.
 */
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  createRequestStateCodec,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type ServerContext,
} from '@modelcontextprotocol/server'
import * as z from 'zod/v4'
import { objectOf, type ToolResult, text } from './tool.ts'

/** What a handler knows of the round that it is called in. */
type Round = ServerContext['mcpReq']

export interface StatelessTool {
  readonly name: string
  readonly description: string
  call(context: ServerContext): Promise<ToolResult | InputRequiredResult>
}

/** How far a tool has come. */
const stateSchema = z.object({ step: z.number(), name: z.string().optional() })
type State = z.infer<typeof stateSchema>

/** Signs what the client hands back. One key a process, for one process serves every round. */
export const stateCodec = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) })

const nameSchema = z.object({ name: z.string() })
const askName = (message = 'What is your name?') => form(message, 'name', 'string')
const askPrompt = (prompt: string) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens: 100,
  })

export const statelessTools: readonly StatelessTool[] = [
  {
    name: 'test_input_required_result_elicitation',
    description: 'Asks for a name',
    call: async ({ mcpReq }) => {
      const name = nameIn(mcpReq, 'user_name')
      if (name !== undefined) return text(`Hello, ${name}!`)
      return inputRequired({ inputRequests: { user_name: askName() } })
    },
  },
  {
    name: 'test_input_required_result_sampling',
    description: "Has the client's model answer",
    call: async ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'capital_question')
      if (answer.kind === 'sampling') return text(JSON.stringify(answer.result.content))
      return inputRequired({
        inputRequests: { capital_question: askPrompt('What is the capital of France?') },
      })
    },
  },
  {
    name: 'test_input_required_result_list_roots',
    description: "Asks for the client's roots",
    call: async ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'client_roots')
      if (answer.kind === 'roots') return text(`Roots: ${answer.roots.map(({ uri }) => uri).join(', ')}`)
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
    },
  },
  confirming('test_input_required_result_request_state'),
  confirming('test_input_required_result_tampered_state'),
  {
    name: 'test_input_required_result_multiple_inputs',
    description: 'Asks for three things at once',
    call: async (context) => {
      const { inputResponses } = context.mcpReq
      const name = nameIn(context.mcpReq, 'user_name')
      const greeting = inputResponse(inputResponses, 'greeting')
      const roots = inputResponse(inputResponses, 'client_roots')
      if (stateOf(context.mcpReq)?.step === 1 && name !== undefined && roots.kind === 'roots') {
        if (greeting.kind === 'sampling') return text(`Three answers, from ${name}`)
      }
      return inputRequired({
        inputRequests: {
          user_name: askName(),
          greeting: askPrompt('Generate a greeting'),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await stateCodec.mint({ step: 1 }, context),
      })
    },
  },
  {
    name: 'test_input_required_result_multi_round',
    description: 'Asks for one thing, then for another',
    call: async (context) => {
      const state = stateOf(context.mcpReq)
      const color = acceptedContent(context.mcpReq.inputResponses, 'step2', z.object({ color: z.string() }))
      if (state?.step === 2 && color !== undefined) return text(`${state.name} likes ${color.color}`)
      const name = nameIn(context.mcpReq, 'step1')
      if (state?.step === 1 && name !== undefined) {
        return inputRequired({
          inputRequests: { step2: form('Step 2: What is your favorite color?', 'color', 'string') },
          requestState: await stateCodec.mint({ step: 2, name }, context),
        })
      }
      return inputRequired({
        inputRequests: { step1: askName('Step 1: What is your name?') },
        requestState: await stateCodec.mint({ step: 1 }, context),
      })
    },
  },
  {
    name: 'test_input_required_result_capabilities',
    description: 'Asks for what the client says it can answer',
    call: async ({ mcpReq }) => {
      const can = capabilitiesOf(mcpReq)
      if (mcpReq.inputResponses !== undefined)
        return text(`Answered: ${Object.keys(mcpReq.inputResponses).join(', ')}`)
      const inputRequests = {
        ...(can.elicitation === undefined ? {} : { user_name: askName() }),
        ...(can.sampling === undefined ? {} : { greeting: askPrompt('Generate a greeting') }),
        ...(can.roots === undefined ? {} : { client_roots: inputRequired.listRoots() }),
      }
      return Object.keys(inputRequests).length === 0
        ? text('Nothing to ask')
        : inputRequired({ inputRequests })
    },
  },
  {
    name: 'test_missing_capability',
    description: "Needs the client's model, whether or not the client has one",
    call: async () => inputRequired({ inputRequests: { completion: askPrompt('Say something') } }),
  },
  {
    name: 'test_streaming_elicitation',
    description: 'Reports progress to whoever wants it, then asks for a name',
    call: async ({ mcpReq }) => {
      const name = nameIn(mcpReq, 'user_name')
      if (name !== undefined) return text(`Hello, ${name}!`)
      const progressToken = mcpReq._meta?.progressToken
      if (progressToken !== undefined) {
        const params = { progressToken, progress: 1, total: 2 }
        await mcpReq.notify({ method: 'notifications/progress', params })
      }
      return inputRequired({ inputRequests: { user_name: askName() } })
    },
  },
  {
    name: 'test_logging_tool',
    description: 'Logs at every level',
    call: async ({ mcpReq }) => {
      for (const level of ['debug', 'info', 'warning', 'error'] as const)
        await mcpReq.log(level, `A ${level}`)
      return text('Logged at every level')
    },
  },
]

/** The prompt that needs the client's input. */
export const askingPrompt = {
  name: 'test_input_required_result_prompt',
  description: 'Asks what it should be about',
  get: ({ inputResponses }: Round) => {
    const given = acceptedContent(inputResponses, 'user_context', z.object({ context: z.string() }))
    if (given === undefined) {
      const user_context = form('What context should the prompt use?', 'context', 'string')
      return inputRequired({ inputRequests: { user_context } })
    }
    const content = { type: 'text' as const, text: `Context: ${given.context}` }
    return { messages: [{ role: 'user' as const, content }] }
  },
}

/** Has the client confirm, with a state that must come back as it was. */
function confirming(name: string): StatelessTool {
  return {
    name,
    description: 'Asks for a confirmation, and checks the state that comes back with it',
    call: async (context) => {
      const confirmed = acceptedContent(
        context.mcpReq.inputResponses,
        'confirm',
        z.object({ ok: z.boolean() }),
      )
      if (stateOf(context.mcpReq)?.step === 1 && confirmed !== undefined) return text('state-ok')
      return inputRequired({
        inputRequests: { confirm: form('Please confirm', 'ok', 'boolean') },
        requestState: await stateCodec.mint({ step: 1 }, context),
      })
    },
  }
}

function form(message: string, property: string, type: 'string' | 'boolean') {
  const { properties, required } = objectOf({ [property]: { type } })
  return inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties, required } as never,
  })
}

function nameIn({ inputResponses }: Round, key: string): string | undefined {
  return acceptedContent(inputResponses, key, nameSchema)?.name
}

/** What the client declares with every request; the SDK's type of the envelope does not show it. */
function capabilitiesOf({ envelope = {} }: Round): ClientCapabilities {
  const { [CLIENT_CAPABILITIES_META_KEY]: declared = {} } = envelope as Record<string, ClientCapabilities>
  return declared
}

/** The signature has been checked by then. */
function stateOf({ requestState }: Round): State | undefined {
  return stateSchema.safeParse(requestState()).data
}
