/** A request to read as it is judged and as it goes on: both say the same. */
import { expect, test } from 'vitest'
import { readOf } from '../../src/forward/reads.ts'

test.each(['tone', '__proto__', 'constructor'])(
  'of two values for the argument %s the judged one goes on alone',
  (name) => {
    const before = JSON.parse(`{"${name}": "rude", "length": "short"}`) as Record<string, string>
    const read = readOf('completion/complete', {
      ref: { type: 'ref/prompt', name: 'draft' },
      argument: { name, value: 'kind' },
      context: { arguments: before },
    })
    if ('problem' in read) throw new Error(read.problem)
    const { argument, context } = read.params as {
      argument: { name: string; value: string }
      context: { arguments: Record<string, string> }
    }
    expect(argument).toEqual({ name, value: 'kind' })
    expect(Object.keys(context.arguments)).toEqual(['length'])
    expect(read.args.length).toBe('short')
    expect(JSON.stringify(read.params)).not.toContain('rude')
  },
)
