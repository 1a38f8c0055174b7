/** The JSON Schemas that `tools/list` publishes, made of the schemas that check. PURE. */
import type { Tool } from '@modelcontextprotocol/server'
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'

/**
 * The JSON Schema of a tool's structured result. Either the result or an `error`: clients of the session era
 * check the structure of tool errors against it, too.
 */
export function outputSchema(output: z.ZodObject): NonNullable<Tool['outputSchema']> {
  const { properties, required } = z.toJSONSchema(output)
  return {
    type: 'object',
    properties: { ...properties, error: errorSchema() } as Record<string, object>,
    anyOf: [{ required: required ?? [] }, { required: ['error'] }],
  }
}

const errorSchema = lazy(() =>
  z.toJSONSchema(
    z
      .looseObject({
        code: z.string().describe('Stable name of what went wrong'),
        message: z.string().describe('What went wrong and what to do about it'),
      })
      .describe('Instead of a result, when the call failed or was refused'),
  ),
)

/** The JSON Schema of a tool's arguments, as `tools/list` publishes it. */
export function inputSchema(input: z.ZodObject): Tool['inputSchema'] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' })
  return schema as Tool['inputSchema']
}

/**
 * A tool as `tools/list` shows it. Its two schemas are made when they are first read, for that takes as long as the rest of the Worker's
 * start, and calls do without them.
 */
export function definition(
  {
    name,
    title,
    description,
    annotations,
  }: Required<Pick<Tool, 'name' | 'title' | 'description' | 'annotations'>>,
  { input, output }: { readonly input: () => z.ZodObject; readonly output: (() => z.ZodObject) | null },
): Tool {
  const head = { name, title, description }
  const inputs = lazy(() => inputSchema(input()))
  if (output === null)
    return {
      ...head,
      get inputSchema() {
        return inputs()
      },
      annotations,
    }
  const outputs = lazy(() => outputSchema(output()))
  return {
    ...head,
    get inputSchema() {
      return inputs()
    },
    get outputSchema() {
      return outputs()
    },
    annotations,
  }
}
