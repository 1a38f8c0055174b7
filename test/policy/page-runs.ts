/** Runs the blocks of docs/policy.md in their order: what the engine says of each, line by line. */
import { type ConditionDocument, compileCondition } from '../../src/policy/condition.ts'
import { decide } from '../../src/policy/decide.ts'
import { type KnownTools, nothingKnown, toolsListed, toolsOf } from '../../src/policy/known-tools.ts'
import { type Loaded, loadPolicy } from '../../src/policy/load.ts'
import type { Call } from '../../src/policy/model.ts'
import { describeOff, describeUnchecked } from '../../src/policy/name-warnings.ts'
import { describeProblem } from '../../src/policy/problem.ts'
import { type Block, Calls, load, unfold } from './page.ts'
import { call, NOON, policyOf } from './support.ts'

export interface Run {
  readonly block: Block
  /** The lines that belong in the block; of a policy, its problems. */
  readonly engine: readonly string[]
}

/** What the blocks before it leave to a block. */
interface State {
  tools: KnownTools
  loaded: Loaded | null
  calls: Calls | null
}

/** What each kind of block says. */
export const blockKinds: ReadonlyMap<string, (block: Block, state: State) => readonly string[]> = new Map([
  ['json policy', policy],
  ['yaml policy', policy],
  ['json refused', refused],
  ['yaml refused', refused],
  ['text problems', problems],
  ['text decisions', decisions],
  ['text truths', ({ text }: Block) => text.split('\n').map(truth)],
  ['json tools', tools],
  ['json servers', servers],
  ['text warnings', warnings],
  ['json converted', (_: Block, { loaded }: State) => json(loaded?.ok ? loaded.hosted : null)],
  ['text explanation', (_: Block, { calls }: State) => calls?.explanation.split('\n') ?? []],
  ['json answer', (_: Block, { calls }: State) => json(calls?.answer())],
  ['text headers', (_: Block, { calls }: State) => calls?.headers().split('\n') ?? []],
  ['text messages', messages],
])

/** Runs all blocks. One that is not marked is left out. */
export function follow(blocks: readonly Block[]): Run[] {
  const state: State = { tools: nothingKnown, loaded: null, calls: null }
  return blocks.flatMap((block) => {
    const run = blockKinds.get(`${block.language} ${block.kind}`)
    return run === undefined ? [] : [{ block, engine: run(block, state) }]
  })
}

function policy(block: Block, state: State): readonly string[] {
  const loaded = load(block, state.tools)
  state.loaded = loaded
  state.calls = loaded.ok ? new Calls(loaded.policy) : null
  state.tools = nothingKnown
  return loaded.ok ? [] : loaded.problems.map(describeProblem)
}

/** What the next block says of it is its problems; of the block itself there is nothing to say. */
function refused(block: Block, state: State): readonly string[] {
  state.loaded = load(block)
  state.calls = null
  return block.text.split('\n').filter((line) => line !== '')
}

function problems(_: Block, { loaded }: State): readonly string[] {
  if (loaded === null || loaded.ok) return ['it loads']
  return loaded.problems.map(describeProblem)
}

function decisions({ text }: Block, { calls }: State): readonly string[] {
  if (calls === null) return ['no policy before it']
  return text.split('\n').map((line) => calls.make(line.replace(/ -> .*$/, '')))
}

function tools(block: Block, state: State): readonly string[] {
  state.tools = toolsListed(new Map(Object.entries(JSON.parse(block.text) as Record<string, unknown>)))
  return block.text.split('\n')
}

/** The servers of a tenant: argument schemas by tool, or null where its tools are not known. `legiti (off: why)` is a native one. */
function servers(block: Block, state: State): readonly string[] {
  const all = Object.entries(JSON.parse(block.text) as Record<string, Record<string, unknown> | null>)
  state.tools = toolsOf(
    all.map(([head, listed]) => ({
      ...headOf(head),
      tools:
        listed &&
        Object.entries(listed).map(([own, schema]) => ({
          names: headOf(head).isNative ? [own] : [`${head}__${own}`, own],
          shownAs: null,
          schema,
        })),
    })),
  )
  return block.text.split('\n')
}

function headOf(head: string): { name: string; isNative: boolean; off: string | null } {
  const [, name = head, off = null] = /^(\S+) \(off: (.+)\)$/.exec(head) ?? []
  return { name, isNative: off !== null, off }
}

function warnings(_: Block, { loaded }: State): readonly string[] {
  if (loaded?.ok !== true) return []
  return [
    ...loaded.warnings.map(describeProblem),
    ...loaded.unchecked.map(describeUnchecked),
    ...loaded.off.map(describeOff),
  ]
}

/** `lt 5 given 4 -> holds`. */
function truth(line: string): string {
  const [, op, value, given] = /^(\w+) (.+) given (.+) -> /.exec(line) ?? []
  if (op === undefined || value === undefined || given === undefined) throw new Error(`not a truth: ${line}`)
  const document = { path: 'args.a', op, value: JSON.parse(value) as unknown } as ConditionDocument
  // It must be a condition that loads, too.
  policyOf({ version: '1', tools: { t: { require: [document] } } })
  const args = given === 'nothing' ? {} : { a: JSON.parse(unfold(given)) as unknown }
  return `${op} ${value} given ${given} -> ${compileCondition(document, '')(call(args), NOON, [])}`
}

/** What an agent is told where the author of a policy says nothing. */
function messages(): readonly string[] {
  const read = { kind: 'resource', tool: 'files+file:///a/%62', args: { uri: 'file:///a/%62' } } as const
  const long = { ...read, tool: `files+file:///${'x'.repeat(2_048)}` }
  const reading: [unknown, Call][] = [
    [null, read],
    [{ version: '1', resources: { 'files+*': { hide: true } } }, read],
    [{ version: '1', resources: {} }, read],
    [{ version: '1', resources: { '*': { deny_if: [{ conditions: [] }] } } }, read],
    [{ version: '1', resources: { '*': {}, 'files+file:///a/b': {} } }, read],
    [{ version: '1', resources: { '*': {} } }, long],
    [{ version: '1', default: 'allow' }, read],
  ]
  const documents: unknown[] = [
    null,
    { version: '1', hide: ['t'] },
    { version: '1' },
    { version: '1', tools: { t: { deny_if: [{ conditions: [] }] } } },
    {
      version: '1',
      tools: { t: { limits: [{ counter: 'c', window: 5, max: 1, increment_from: 'args.amount' }] } },
    },
    { version: '1', tools: { t: { require_approval: [{ conditions: [] }] } } },
  ]
  const calls = [...documents.map((document) => [document, call()] as const), ...reading]
  return calls.map(([document, made]) => {
    const loaded = document === null ? null : loadPolicy(document)
    const decision = decide(loaded?.ok ? loaded.policy : null, made, NOON)
    return decision.action === 'allow'
      ? `allow ${decision.rule}`
      : `${decision.code} ${decision.rule}: ${decision.message}`
  })
}

const WIDTH = 110

/** JSON in lines: what fits into one stands in one. */
function json(value: unknown, indent = ''): readonly string[] {
  const whole = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ')
  const isList = Array.isArray(value)
  if (indent.length + whole.length < WIDTH || value === null || typeof value !== 'object') return [whole]
  const members = Object.entries(value).map(([name, inner], i, all) => {
    const [first = '', ...rest] = json(inner, `${indent}  `)
    const lines = [`${isList ? '' : `${JSON.stringify(name)}: `}${first}`, ...rest].map((line) => `  ${line}`)
    return i === all.length - 1 ? lines : [...lines.slice(0, -1), `${lines.at(-1)},`]
  })
  return [isList ? '[' : '{', ...members.flat(), isList ? ']' : '}']
}
