/** Finds an upstream tool's own annotations, where a policy asks for them. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { pinnedAnnotations } from '../bridge/last-known.ts'
import type { Subject } from '../call/judge.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import { isListed } from '../policy/decide.ts'
import type { RequestContext } from '../request/context.ts'
import { failure } from '../servers/kit/result.ts'
import type { Target } from './target.ts'

/**
 * The pinned annotations of the tool, on which the decision turns; or what to say of a call that cannot be decided because they are
 * not known.
 */
export async function annotationsFor(
  { env, presented }: RequestContext,
  { policy }: CompiledConfig,
  { upstream, tool }: Target,
  { tool: named, alias }: Pick<Subject, 'tool' | 'alias'>,
): Promise<{ readonly annotations: Subject['annotations'] } | { readonly undecided: CallToolResult }> {
  const annotations = await pinnedAnnotations({ env, tenant: presented.tenant, config: upstream }, tool)
  if (annotations !== null) return { annotations }
  // A tool that is hidden is refused without them, and a policy that only watches refuses nothing.
  if (policy?.shadow !== false || !isListed(policy, named, alias)) return { annotations: undefined }
  const text =
    `The policy asks what the tool "${tool}" of the server "${upstream.name}" says of itself, which is not known. ` +
    'The call was not carried out. List the tools, then try again.'
  return { undecided: failure('unavailable', text, { server: upstream.name, tool }) }
}
