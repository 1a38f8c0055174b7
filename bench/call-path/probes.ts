/**
 * Puts probes into a source file: each function says when control comes into it, leaves it, and comes back to it after an
 * `await`. Nothing else changes, and no line moves.
 */
import { stripTypeScriptTypes } from 'node:module'
import { parseAst } from 'vite'

/** A node of the syntax tree (ESTree), as far as it is looked at. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

interface Insertion {
  readonly at: number
  readonly text: string
  /** Of two at one place the one that encloses the other: its opening stands first, its closing last. */
  readonly order: number
}

/**
 * The text of a file with probes in it, as JavaScript.
 *
 * @param file the name that the probes give it
 * @param recorder the address of the module that hears them (worker/recorder.ts)
 */
export function withProbes(text: string, file: string, recorder: string): string {
  const plain = stripTypeScriptTypes(text, { mode: 'strip' })
  const insertions: Insertion[] = []
  const open = (at: number, opening: string) =>
    insertions.push({ at, text: opening, order: insertions.length })
  const close = (at: number, closing: string) =>
    insertions.push({ at, text: closing, order: -insertions.length })

  const walk = (node: Node, name: string, inFunction: boolean) => {
    const isFunction = isProbed(node)
    if (isFunction) {
      const entered = `__enter(${JSON.stringify(file)}, ${JSON.stringify(idOf(node) ?? name)})`
      const enter = `const __at = ${entered}; try {`
      const leave = '} finally { __leave(__at) }'
      const body = node.body as Node
      if (body.type === 'BlockStatement' && body.end - body.start === 2) {
        open(body.start + 1, `__leave(${entered})`)
      } else if (body.type === 'BlockStatement') {
        open(body.start + 1, enter)
        close(body.end - 1, leave)
      } else {
        open(plain.lastIndexOf('=>', body.start) + 2, `{ ${enter} return (`)
        close(node.end, `) ${leave} }`)
      }
    }
    const isWithin = isFunction || (inFunction && !isAnyFunction(node))
    if (isWithin && node.type === 'AwaitExpression') {
      open(node.start, '__resume(__at, ')
      open((node.argument as Node).start, '__suspend(__at, ')
      close(node.end, '))')
    }
    if (isWithin && node.type === 'CatchClause') open((node.body as Node).start + 1, ' __resume(__at);')
    if (
      isWithin &&
      node.type === 'ForOfStatement' &&
      node.await === true &&
      (node.body as Node).type === 'BlockStatement'
    )
      open((node.body as Node).start + 1, ' __resume(__at);')
    for (const [member, inner] of Object.entries(node))
      for (const child of [inner].flat())
        if (isNode(child)) walk(child, nameOf(node, member) ?? idOf(node) ?? name, isWithin)
  }
  walk(parseAst(plain) as unknown as Node, '(module)', false)

  const ordered = insertions.toSorted((a, b) => a.at - b.at || a.order - b.order)
  let done = 0
  let probed = ''
  for (const { at, text: inserted } of ordered) {
    probed += plain.slice(done, at) + inserted
    done = at
  }
  const imported = `import { enter as __enter, leave as __leave, resume as __resume, suspend as __suspend } from ${JSON.stringify(recorder)};`
  return `${imported}${probed}${plain.slice(done)}`
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

function isAnyFunction({ type }: Node): boolean {
  return functions.has(type)
}

/** Generators are left alone: control comes to them piece by piece. */
function isProbed(node: Node): boolean {
  return isAnyFunction(node) && node.generator !== true && isNode(node.body)
}

/** The name of a declared function. */
function idOf({ type, id }: Node): string | null {
  return functions.has(type) && isNode(id) && typeof id.name === 'string' ? id.name : null
}

/** The name by which what stands in a member is known there. */
function nameOf({ type, id, key }: Node, member: string): string | null {
  const named = type === 'VariableDeclarator' && member === 'init' ? id : member === 'value' ? key : null
  return isNode(named) && typeof named.name === 'string' ? named.name : null
}
