/** Asks a session-era client on the stream of its own request, and collects what it answers in requests of its own. */
import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import { ANSWER_MS, type Ask, type AskLine, paths, type Step } from '../contract/exchange.ts'
import { exchangeObjects } from '../contract/objects.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import type { Question } from '../eras/capabilities.ts'
import { questionForSession } from '../eras/for-stateless.ts'
import { questionId } from '../eras/names.ts'
import { LineReader } from '../upstream/lines.ts'
import { problemOf } from '../upstream/problem.ts'
import type { Conversation } from './conversation.ts'
import { ownerOf } from './exchange-call.ts'

const MOST_QUESTIONS = 100

/** The client's answers, by the names of the questions. */
export type Answered = { readonly responses: Readonly<Record<string, unknown>> } | UpstreamProblem

export async function* askClient(
  { context, link }: Conversation,
  questions: ReadonlyMap<string, Question>,
  signal: AbortSignal,
): AsyncGenerator<Step, Answered> {
  if (questions.size > MOST_QUESTIONS)
    return problemOf('unanswered', `asked the client more than ${MOST_QUESTIONS} things at once`)
  const names = [...questions.keys()]
  const ask: Ask = {
    owner: ownerOf(context.presented),
    transport: context.transport ?? '',
    count: names.length,
  }
  const EXCHANGE = exchangeObjects(link.env, link.tenant)
  const id = EXCHANGE.newUniqueId()
  let reader: LineReader<AskLine> | null = null
  const leave = () => reader?.cancel()
  signal.addEventListener('abort', leave)
  try {
    const response = await EXCHANGE.get(id).fetch(`http://exchange${paths.ask}`, {
      method: 'POST',
      body: JSON.stringify(ask),
      signal,
    })
    if (response.body === null) throw new Error('The exchange said nothing')
    reader = new LineReader(response.body)
    const responses: Record<string, unknown> = {}
    for (let line = await reader.next(); line !== null; line = await reader.next()) {
      if (line.kind === 'ready') {
        // Only now: an answer that is faster than its question would find nobody.
        for (const [index, question] of [...questions.values()].entries()) {
          const named = questionId({ object: id.toString(), secret: line.secret }, index)
          yield { kind: 'note', message: questionForSession(question, named) }
        }
      } else if (line.kind === 'late') {
        const minutes = ANSWER_MS / 60_000
        return problemOf(
          'unanswered',
          `asked the client for input, which did not come within ${minutes} minutes`,
        )
      } else {
        const { result, error } = line.message
        if (!isObject(result)) {
          const why =
            error === undefined ? 'nothing that can be read' : `an error: ${error.message.slice(0, 200)}`
          return problemOf('unanswered', `asked the client for input, and the client answered ${why}`)
        }
        responses[names[line.index] ?? ''] = result
        if (Object.keys(responses).length === names.length) return { responses }
      }
    }
    throw new Error('The exchange ended without an answer')
  } catch (error) {
    if (signal.aborted) return problemOf('cancelled', 'was not waited for: the client cancelled')
    log('warn', 'exchange.lost', {
      tenant: link.tenant,
      server: link.config.name,
      error: errorName(error),
    })
    return problemOf('broken', "asked for input, and the client's answers were lost in the gateway")
  } finally {
    signal.removeEventListener('abort', leave)
    reader?.cancel()
  }
}
