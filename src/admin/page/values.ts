/**
 * Shows the person who decides every value that a call carries, with its type. Long values are folded, and whole. A value
 * cannot be taken for a part of the page: each stands in a box of its own. PURE.
 */
import { isLiteral } from '../../base/exact-json.ts'
import { isObject } from '../../base/json.ts'
import type { ApprovalContent, Omitted } from '../../contract/approvals.ts'
import { type ConcealedPath, parseConcealed, type Step } from '../../policy/path.ts'
import { type Html, html } from './html.ts'
import { conspicuous } from './lookalikes.ts'
import { countMarked, inline, lines } from './visible.ts'

/** More than that is folded: characters, and lines. */
const MOST_CHARS = 600
const MOST_LINES = 12
/** Characters of a folded text that are shown. */
const BEGINNING = 160
/** Deeper levels are indented like this one, so that they keep room on a phone. */
const DEEPEST_INDENT = 12

/** The ways on from here to what is concealed. */
type Ways = readonly (readonly Step[])[]

/** The arguments of a call, or the `_meta` beside them; `of` says which. */
export function valueList(
  of: ConcealedPath['root'],
  values: Readonly<Record<string, unknown>>,
  { concealed, omitted }: Pick<ApprovalContent, 'concealed' | 'omitted'>,
): Html {
  const ways = concealed
    .map(parseConcealed)
    .filter((path) => path !== null && path.root === of)
    .map((path) => (path as ConcealedPath).steps)
  const missing = omitted.filter(({ path }) => parseConcealed(path)?.root === of)
  const entries = Object.entries(values)
  if (entries.length + missing.length === 0) return html`<p>None.</p>`
  return html`<dl class="values">${entries.map(([name, value]) => row(name, value, along(ways, name)))}${missing.map(omittedRow)}</dl>`
}

/** The same as one JSON document in which every character is ASCII, for whoever wants to be sure; null where it says no more. */
export function exactJson({ arguments: args, meta }: ApprovalContent): Html | null {
  const json = JSON.stringify(meta === null ? { arguments: args } : { arguments: args, _meta: meta }, null, 1)
  const ascii = json.replace(
    /[^\x20-\x7E\n]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  if (ascii === json) return null
  return html`<details><summary>All of it as JSON, with every character beyond ASCII escaped</summary><pre>${ascii}</pre></details>`
}

function row(name: string, value: unknown, ways: Ways): Html {
  if (isConcealed(ways))
    return entry(
      name,
      'concealed by the policy',
      html`<p class="concealed">Concealed: you are not shown it.</p>`,
    )
  const notes = notesOn(name, value)
  const says = notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`
  return entry(name, kindOf(value), html`${boxOf(value, ways)}${says}`)
}

function entry(name: string, kind: string, shown: Html): Html {
  return html`<div><dt><code>${inline(name)}</code> <span class="kind">${kind}</span></dt><dd>${shown}</dd></div>
`
}

function omittedRow({ path, type, bytes }: Omitted): Html {
  const kind = `${type}, ${count(bytes, 'byte')}`
  const name = parseConcealed(path)?.steps[0]
  const title = name?.kind === 'name' ? name.name : path
  return entry(title, kind, html`<p class="concealed">Too long to be kept: you are not shown it.</p>`)
}

function boxOf(value: unknown, ways: Ways): Html {
  if (typeof value === 'string') return textBox(value)
  if (!isHolder(value)) return html`<pre>${scalar(value)}</pre>`
  const out: Html[] = []
  list(out, value, { ways, indent: 0, before: html``, after: '' })
  const box = html`<pre class="listing">${out.map((line, i) => html`${i > 0 && '\n'}${line}`)}</pre>`
  const chars = out.reduce((sum, line) => sum + line.text.length, 0)
  return out.length <= MOST_LINES && chars <= 4 * MOST_CHARS
    ? box
    : html`<details><summary>Show all ${count(out.length, 'line')}</summary>${box}</details>`
}

function textBox(text: string): Html {
  if (text === '') return html`<p class="concealed">An empty text.</p>`
  const box = html`<pre>${lines(text)}</pre>`
  if (text.length <= MOST_CHARS && text.split('\n', MOST_LINES + 1).length <= MOST_LINES) return box
  const beginning = [...text.slice(0, 2 * BEGINNING)].slice(0, BEGINNING).join('')
  return html`<details><summary><span class="beginning">${inline(beginning)}…</span> Show all ${count(text.length, 'character')}</summary>${box}</details>`
}

interface Place {
  readonly ways: Ways
  readonly indent: number
  /** Text of the line before the value, and behind it. */
  readonly before: Html
  readonly after: string
}

/** Adds the lines of an indented listing. The JSON of a request is at most 64 levels deep (request/body.ts). */
function list(out: Html[], value: unknown, { ways, indent, before, after }: Place): void {
  const pad = '  '.repeat(Math.min(indent, DEEPEST_INDENT))
  if (isConcealed(ways)) {
    out.push(html`${pad}${before}<b class="code">⟦concealed⟧</b>${after}`)
    return
  }
  const isList = Array.isArray(value)
  const members: [string | number, unknown][] = isList
    ? value.map((it, i) => [i, it])
    : isObject(value)
      ? Object.entries(value)
      : []
  if (members.length === 0) {
    const text = isList ? '[]' : isObject(value) ? '{}' : scalar(value)
    out.push(html`${pad}${before}${text}${after}`)
    return
  }
  const [opens, closes] = isList ? ['[', ']'] : ['{', '}']
  out.push(html`${pad}${before}${opens}`)
  members.forEach(([name, inner], i) => {
    list(out, inner, {
      ways: along(ways, name),
      indent: indent + 1,
      before: typeof name === 'number' ? html`` : html`${quoted(name)}: `,
      after: i < members.length - 1 ? ',' : '',
    })
  })
  out.push(html`${pad}${closes}${after}`)
}

/** As JSON writes it; numbers as they were written. */
function scalar(value: unknown): Html | string {
  if (typeof value === 'string') return quoted(value)
  return isLiteral(value) ? value.rawJSON : (JSON.stringify(value) ?? 'null')
}

/** In quotation marks, with JSON's escapes: a text in a listing has no line of its own. */
function quoted(text: string): Html {
  return inline(JSON.stringify(text))
}

function isHolder(value: unknown): boolean {
  return Array.isArray(value) || isObject(value)
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return `text, ${count(value.length, 'character')}`
  if (value === null) return 'nothing'
  if (typeof value === 'boolean') return 'true or false'
  if (Array.isArray(value)) return `list of ${value.length}`
  return isObject(value) ? `object of ${count(Object.keys(value).length, 'member')}` : 'number'
}

/** Warnings about a name and everything below it. */
function notesOn(name: string, value: unknown): string[] {
  const texts = [name, ...textsIn(value)]
  const marked = texts.reduce((sum, text) => sum + countMarked(text), 0)
  const notes = new Set(texts.flatMap(conspicuous))
  const codes =
    marked === 0
      ? []
      : [
          `${count(marked, 'character')} that cannot be seen, or told from a space, shown by code as in ⟦U+00A0⟧.`,
        ]
  return [...codes, ...notes]
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (Array.isArray(value)) for (const it of value) yield* textsIn(it)
  else if (isObject(value))
    for (const [name, it] of Object.entries(value)) {
      yield name
      yield* textsIn(it)
    }
}

function isConcealed(ways: Ways): boolean {
  return ways.some((steps) => steps.length === 0)
}

/** The ways that lead on by a name, or by a place in a list; all that is below something concealed is. */
function along(ways: Ways, to: string | number): Ways {
  return ways
    .filter(([step]) => {
      if (step === undefined) return true
      if (typeof to === 'string') return step.kind === 'name' && step.name === to
      return step.kind === 'each' || (step.kind === 'index' && step.index === to)
    })
    .map((steps) => steps.slice(1))
}

/** `12,345 characters`. */
function count(n: number, what: string): string {
  return `${String(n).replace(/\B(?=(\d{3})+$)/g, ',')} ${what}${n === 1 ? '' : 's'}`
}
