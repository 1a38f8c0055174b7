/** A command of the command line, as help, completion and dispatch know it. */
import type { Given, Operands, Option } from './arguments.ts'
import type { Outcome, World } from './outcome.ts'

/**
 * The document that `--json` prints when there is an answer. `answer`: the API's to what the command asked it last. `items`: `{items}`, a list of the API's,
 * read to its end. `rows`: one document a line, as they come. `document`: the one that the command is there for. Otherwise the
 * members of an object; a `?` behind one says that it may be absent.
 */
export type Shape = 'answer' | 'items' | 'rows' | 'document' | readonly string[]

export interface Command {
  /** The word before its name, or null for none. */
  readonly group: string | null
  readonly name: string
  readonly summary: string
  /** Lines of help that do not fit into the summary. */
  readonly notes?: readonly string[]
  readonly operands: Operands
  readonly options: readonly Option[]
  readonly exitCodes: string
  /** The exit code where it is not understood; 2 where absent. */
  readonly failure?: Outcome['code']
  readonly json: Shape
  readonly examples: readonly string[]
  readonly run: (given: Given, world: World) => Promise<Outcome>
}
