/** `policy explain`: one call, and how it would be decided. */
import { isObject } from '../../base/json.ts'
import { completionCall, type Typed } from '../../policy/completion.ts'
import { type CounterStore, prospectsOf, reserve, type Subject } from '../../policy/counting.ts'
import { concealedIn, decide, limitsOn } from '../../policy/decide.ts'
import { formatDecimal, parseDecimal } from '../../policy/decimal.ts'
import { explain as explainCall } from '../../policy/explain.ts'
import type { Call, Charge, Context, Policy } from '../../policy/model.ts'
import { formatPath } from '../../policy/path.ts'
import { describeValue } from '../../policy/problem.ts'
import { readKey } from '../../policy/reading.ts'
import { nearest } from '../../policy/spelling.ts'
import { Ended, openApi } from '../gateway/api.ts'
import { policyOf } from '../gateway/deployed.ts'
import { calledAtGateway } from '../gateway/gateway-call.ts'
import { readLink } from '../gateway/link.ts'
import type { Given } from '../kit/arguments.ts'
import { calledAs } from '../kit/called.ts'
import { memoryCounters } from '../kit/memory.ts'
import { MOMENT, momentMs } from '../kit/moment.ts'
import { fine, type Misuse, misuse, type Outcome, type World } from '../kit/outcome.ts'
import { typed } from './cases.ts'

const COMMAND = 'gatehouse policy explain'

/** Explains one call. A denial is no failure: the exit code says only whether the decision could be told. */
export async function explain(given: Given, world: World): Promise<Outcome> {
  const {
    operands: [file = '-'],
    values,
    switches,
  } = given
  const problems: Misuse[] = []
  const objectOf = (option: string): Record<string, unknown> => {
    const read = readObject(values.get(option) ?? '{}')
    if (!('found' in read)) return read.object
    problems.push({ found: `--${option} ${read.found}`, allowed: `--${option} '{"name": …}', a JSON object` })
    return {}
  }
  const asked = askedIn(values)
  if ('found' in asked) problems.push(asked)
  const typedOf = completionIn(values, asked)
  if (typedOf !== null && 'found' in typedOf) problems.push(typedOf)
  if (switches.has('gateway') && !values.has('tool'))
    problems.push({ found: '--gateway without --tool', allowed: '--gateway beside --tool' })
  const written: Call = {
    ...('found' in asked ? { tool: '' } : asked),
    args: { ...uriOf(asked), ...objectOf('args') },
    ...(typedOf === null || 'found' in typedOf ? {} : typedOf),
    ...(values.has('annotations') ? { annotations: objectOf('annotations') } : {}),
  }
  const counted = objectOf('counters')
  const at = values.get('at')
  const nowMs = at === undefined ? world.nowMs : momentMs(at)
  if (nowMs === null) problems.push({ found: `--at ${describeValue(at)}`, allowed: MOMENT })
  if (problems.length > 0 || nowMs === null) return misuse(COMMAND, problems)

  const loaded = await policyOf({ command: COMMAND, word: file }, given, world)
  if ('failed' in loaded) return loaded.failed
  const listed = switches.has('gateway') ? await listedThere(written.tool, given, world) : written
  if ('failed' in listed) return listed.failed
  const call: Call = { ...written, ...listed, ...annotationsIn(written) }
  const account = values.get('account') ?? null
  const context: Context = { nowMs, account, label: values.get('label') ?? '' }
  const subject: Subject = { session: null, account }
  const store = memoryCounters()
  const unfit = count(store, { counted, policy: loaded.policy, call, subject }, nowMs)
  if (unfit.length > 0) return misuse(COMMAND, unfit)
  const text = explainCall(loaded.policy, call, { context, counters: store, subject })
  return fine(text.split('\n'), explanation(loaded.policy, call, { context, store, subject }))
}

/** Asks for the tool as the gateway's servers list it. */
async function listedThere(
  tool: string,
  given: Given,
  world: World,
): Promise<Pick<Call, 'tool' | 'alias' | 'annotations'> | { readonly failed: Outcome }> {
  const link = readLink(given, world)
  if (!('origin' in link)) return { failed: misuse(COMMAND, link) }
  try {
    return await calledAtGateway(openApi(COMMAND, link, world, { reason: null }), tool)
  } catch (error) {
    if (error instanceof Ended) return { failed: error.outcome }
    throw error
  }
}

/** Annotations that were typed come before those that are listed. */
function annotationsIn({ annotations }: Call): Pick<Call, 'annotations'> {
  return annotations === undefined ? {} : { annotations }
}

/** Reads from the options which call of a tool, or which read, is explained. */
function askedIn(values: Given['values']): Pick<Call, 'kind' | 'tool' | 'alias'> | Misuse {
  const given = (['tool', 'resource', 'prompt'] as const).filter((option) => values.has(option))
  const [kind = 'tool', other] = given
  if (other !== undefined) {
    return { found: `--${other} beside --${kind}`, allowed: 'one of --tool, --resource, --prompt' }
  }
  const tool = values.get(kind) ?? ''
  if (kind === 'tool') return calledAs(tool)
  if (readKey(kind, tool) !== null) return { kind, tool }
  const allowed = kind === 'resource' ? '--resource SERVER+URI' : '--prompt SERVER__NAME'
  return { found: `--${kind} ${describeValue(tool)}`, allowed }
}

/** Reads the text that is typed for a template or a prompt, as it is judged; null where no completion is explained. */
function completionIn(
  values: Given['values'],
  asked: ReturnType<typeof askedIn>,
): ReturnType<typeof completionCall> | Misuse | null {
  const text = values.get('completion')
  if (text === undefined || 'found' in asked) return null
  const allowed = `--completion '{"argument": {"name": …, "value": …}, "context": {"arguments": {…}}}'`
  if (asked.kind !== 'resource' && asked.kind !== 'prompt')
    return { found: '--completion beside --tool', allowed: '--completion beside --resource or --prompt' }
  if (values.has('args')) return { found: '--completion beside --args', allowed: 'one of them' }
  const read = readObject(text)
  if ('found' in read) return { found: `--completion ${read.found}`, allowed }
  const parsed = typed.safeParse(read.object)
  if (!parsed.success) return { found: '--completion with another object', allowed }
  return completionCall(asked.kind, asked.tool, parsed.data satisfies Typed)
}

/** The arguments that conditions on a resource look at. */
function uriOf(asked: ReturnType<typeof askedIn>): Record<string, unknown> {
  if ('found' in asked || asked.kind !== 'resource') return {}
  return { uri: readKey('resource', asked.tool)?.pattern }
}

/** The explanation for machines. */
function explanation(
  policy: Policy,
  call: Call,
  {
    context,
    store,
    subject,
  }: {
    readonly context: Context
    readonly store: CounterStore
    readonly subject: Subject
  },
) {
  const { action, ...decision } = decide(policy, call, context)
  const charges = 'charges' in decision ? decision.charges : []
  const limits = prospectsOf(store, charges, subject, context.nowMs)
  const full = limits.find(({ hasRoom, shadow }) => !hasRoom && !shadow)
  const isLimited = action === 'allow' && full !== undefined
  return {
    tool: call.tool,
    action: isLimited ? 'limit' : action,
    code: 'code' in decision ? decision.code : null,
    rule: isLimited ? full.rule : decision.rule,
    message: 'message' in decision ? decision.message : null,
    conditions: decision.trace,
    concealed:
      action === 'require_approval' ? concealedIn(policy, call.tool, call.alias).map(formatPath) : [],
    limits,
    shadow: decision.shadow,
  }
}

/** Counts what `--counters` says was used: by the limits' own pointers, in the window that holds `nowMs`. */
function count(
  store: CounterStore,
  {
    counted,
    policy,
    call,
    subject,
  }: {
    readonly counted: Record<string, unknown>
    readonly policy: Policy
    readonly call: Call
    readonly subject: Subject
  },
  nowMs: number,
): Misuse[] {
  const problems: Misuse[] = []
  const limits = limitsOn(policy, call).map(({ charge }) => charge)
  const rules = [...new Set(limits.map(({ rule }) => rule))]
  const charges: Charge[] = []
  for (const [rule, value] of Object.entries(counted)) {
    const used = parseDecimal(value)
    if (!rules.includes(rule)) {
      problems.push({
        found: `--counters with ${describeValue(rule)}`,
        allowed: rules.length > 0 ? rules.join(', ') : `none: the ${call.kind ?? 'tool'} has no limits`,
        nearest: nearest(rule, rules),
      })
    } else if (used === null || used.units < 0n) {
      problems.push({
        found: `--counters with ${describeValue(rule)} of ${describeValue(value)}`,
        allowed: 'a decimal number, 0 or more',
      })
    } else {
      const amount = formatDecimal(used)
      const named = limits.filter((charge) => charge.rule === rule)
      charges.push(...named.map((charge) => ({ ...charge, amount, max: null })))
    }
  }
  // To count is to reserve what was used, where nothing limits it. All at once: a shared counter counts once.
  reserve(store, charges, subject, nowMs)
  return problems
}

function readObject(text: string): { readonly object: Record<string, unknown> } | { readonly found: string } {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? { object: value } : { found: describeValue(value) }
  } catch {
    return { found: 'with text that is not JSON' }
  }
}
