/** What a tool says of itself, as a word. */
import { expect, test } from 'vitest'
import { annotationClass } from '../../src/upstream/annotation-class.ts'

test.each([
  [{ readOnlyHint: true }, 'read-only'],
  [{ readOnlyHint: true, destructiveHint: false }, 'read-only'],
  // A contradiction: the more dangerous claim counts.
  [{ readOnlyHint: true, destructiveHint: true }, 'destructive'],
  [{ readOnlyHint: false }, 'destructive'],
  [{ readOnlyHint: false, destructiveHint: false }, 'changes'],
  [{ destructiveHint: false }, 'changes'],
  [{ destructiveHint: true }, 'destructive'],
  [{ readOnlyHint: 'yes' }, 'unknown'],
  [{}, 'unknown'],
  [undefined, 'unknown'],
  [null, 'unknown'],
  [[], 'unknown'],
])('%j is %s', (annotations, word) => {
  expect(annotationClass(annotations)).toBe(word)
})
