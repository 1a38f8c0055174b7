/** The questions of one upstream call that its client has yet to answer. */
import { isObject } from '../base/json.ts'
import type { RpcId } from '../base/rpc.ts'
import type { Question } from '../eras/capabilities.ts'

const MOST_QUESTIONS = 64

/** An answer to a question, which the upstream knows by `id`. */
export interface Answered {
  readonly id: RpcId
  readonly result: unknown
}

export class OpenQuestions {
  /** Open questions by the names under which the client answers them. */
  readonly #open = new Map<string, { readonly id: RpcId; readonly question: Question }>()
  #count = 0

  get areThere(): boolean {
    return this.#open.size > 0
  }

  /** Tells whether no more are taken. */
  get isFull(): boolean {
    return this.#open.size >= MOST_QUESTIONS
  }

  add(id: RpcId, question: Question): void {
    this.#count += 1
    this.#open.set(`question${this.#count}`, { id, question })
  }

  /** The upstream does not want to know any more. */
  withdraw(id: unknown): void {
    for (const [name, question] of this.#open) if (question.id === id) this.#open.delete(name)
  }

  clear(): void {
    this.#open.clear()
  }

  /** The ids of all, as the upstream knows them. */
  ids(): RpcId[] {
    return [...this.#open.values()].map(({ id }) => id)
  }

  /** The `inputRequests` of a result (MCP 2026-07-28, multi round-trip requests). */
  inputRequests(): Record<string, Question> {
    return Object.fromEntries([...this.#open].map(([name, { question }]) => [name, question]))
  }

  /** Takes out those that a retry's `inputResponses` answer; what they leave open stays. */
  takeAnswered(inputResponses: unknown): Answered[] {
    const responses = isObject(inputResponses) ? inputResponses : {}
    const answered = [...this.#open].filter(
      ([name]) => Object.hasOwn(responses, name) && isObject(responses[name]),
    )
    for (const [name] of answered) this.#open.delete(name)
    return answered.map(([name, { id }]) => ({ id, result: responses[name] }))
  }
}
