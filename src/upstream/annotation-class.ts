/** A word for what a tool says of itself, for lists that people read. It is the server's claim, and proves nothing. PURE. */
import { isObject } from '../base/json.ts'

export const annotationClasses = ['read-only', 'changes', 'destructive', 'unknown'] as const

/**
 * `unknown`: the tool does not say. A tool that changes something and says no more may destroy, by the default of
 * `destructiveHint` (MCP 2025-11-25, schema, ToolAnnotations).
 */
export type AnnotationClass = (typeof annotationClasses)[number]

export function annotationClass(annotations: unknown): AnnotationClass {
  if (!isObject(annotations)) return 'unknown'
  const { readOnlyHint, destructiveHint } = annotations
  if (readOnlyHint === true) return destructiveHint === true ? 'destructive' : 'read-only'
  if (typeof destructiveHint === 'boolean') return destructiveHint ? 'destructive' : 'changes'
  return readOnlyHint === false ? 'destructive' : 'unknown'
}
