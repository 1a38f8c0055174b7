/** The answer to an agent whose call a person must approve. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { sessionTakesLinks, takesLinks } from '../approvals/links.ts'
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import { type ApprovalView, MOST_REOPENINGS } from '../contract/approvals.ts'
import type { HeldAnswer } from '../contract/principal.ts'
import { statelessClient } from '../request/client.ts'
import type { RequestMessage } from '../request/message.ts'
import { failure } from '../servers/kit/result.ts'
import { hasBeenAsked, QUESTION } from './approval-ask.ts'

export type ApprovalAnswer =
  /** A tool error, to be put as the tool's other results are. */
  | { readonly kind: 'result'; readonly result: CallToolResult }
  /** The protocol's own way to send a person to a link. */
  | { readonly kind: 'response'; readonly response: Response }

/**
 * A denial with its reason, or where a person can approve the call: as an elicitation where the client says that it
 * can open links, otherwise as a tool error.
 */
export function approvalAnswer(message: RequestMessage, held: HeldAnswer): ApprovalAnswer {
  const { approval } = held
  if (held.stopped) {
    const result = held.stopped === 'exhausted' ? exhaustedResult(approval) : lateResult(approval)
    return { kind: 'result', result }
  }
  if (approval.state === 'denied') return { kind: 'result', result: deniedResult(approval) }
  const { id, url } = approval
  // One that has been to the link already is not sent there again and again.
  if (url === null || !opensLinks(message, held) || hasBeenAsked(message, id))
    return { kind: 'result', result: requiredResult(approval) }
  const linked = { ...approval, url }
  const response = message.era === 'stateless' ? inputRequired(message, linked) : required(message, linked)
  return { kind: 'response', response }
}

/** An approval that a person can be sent to. */
type Linked = ApprovalView & { readonly url: string }

/** Whether the client takes elicitations by URL. */
function opensLinks({ era, body }: RequestMessage, { client, protocolVersion }: HeldAnswer): boolean {
  return era === 'session'
    ? sessionTakesLinks(client, protocolVersion)
    : takesLinks(statelessClient(body.params).capabilities)
}

/**
 * MCP 2026-07-28, multi round-trip requests. The state only says that the client has been asked: what was decided is
 * looked up by who calls, what and with which arguments, so that nothing is gained by making one up.
 */
function inputRequired({ id }: RequestMessage, approval: Linked): Response {
  const question = {
    method: 'elicitation/create',
    params: { mode: 'url', message: questionOf(approval), url: approval.url },
  }
  const result = {
    resultType: 'input_required',
    inputRequests: { [QUESTION]: question },
    requestState: approval.id,
  }
  return Response.json({ jsonrpc: '2.0', id, result })
}

/** MCP 2025-11-25, elicitation, URLElicitationRequiredError. */
function required({ id }: RequestMessage, approval: Linked): Response {
  const { url, id: elicitationId } = approval
  const elicitation = { mode: 'url', elicitationId, url, message: questionOf(approval) }
  const data = { elicitations: [elicitation] }
  return refusalResponse(
    { status: 200, code: codes.urlElicitationRequired, message: requiredText(approval), data },
    id,
  )
}

function questionOf({ message, server, tool, id }: ApprovalView): string {
  return `${message} A person must approve this call of "${tool}" (${server}): ${id}.`
}

function requiredResult(approval: ApprovalView): CallToolResult {
  const { id, url, rule, expiresAtMs } = approval
  const facts = { rule, approval: id, url, expires_at: new Date(expiresAtMs).toISOString() }
  return failure('approval_required', requiredText(approval), facts)
}

function requiredText(approval: ApprovalView): string {
  const { message, rule, url, id } = approval
  const where = url === null ? `It can be approved by its id, ${id} .` : `It can be approved at ${url} .`
  return `${message} (policy rule: ${rule}) ${where} ${howToRetry(approval)}`
}

function howToRetry({ account, expiresAtMs }: ApprovalView): string {
  const until = new Date(expiresAtMs).toISOString()
  const who = account === null ? 'without logging in' : 'logged in to the same account'
  return (
    `The call was not made. Once a person has approved it, call the tool again with the same arguments, until ${until}; it is ` +
    `then made once. A later session of this client may do so, too, ${who}.`
  )
}

function deniedResult({ id, rule, reason, expiresAtMs }: ApprovalView): CallToolResult {
  const why = reason === null ? 'No reason was given.' : `The reason: ${reason}`
  const text = `A person has denied this call, so it was not made. ${why} (policy rule: ${rule})`
  const until = new Date(expiresAtMs).toISOString()
  return failure('approval_denied', text, { rule, approval: id, reason, holds_until: until })
}

function exhaustedResult({ id, server, rule }: ApprovalView): CallToolResult {
  const text =
    `The server "${server}" has asked for input more than ${MOST_REOPENINGS} times under one approval, which is as often as ` +
    'it may, so the call was not gone on with. Begin it again, without requestState: it needs another approval.'
  const facts = { rule, approval: id, server }
  return failure('approval_exhausted', `${text} (policy rule: ${rule})`, facts)
}

function lateResult({ id, rule, expiresAtMs }: ApprovalView): CallToolResult {
  const until = new Date(expiresAtMs).toISOString()
  const text =
    `The approval of this call was good until ${until}, answers to its server included, so the call was not gone on with. ` +
    'Begin it again, without requestState: it needs another approval.'
  const facts = { rule, approval: id, expired_at: until }
  return failure('approval_expired', `${text} (policy rule: ${rule})`, facts)
}

export function approvalsFullResult(max: number): CallToolResult {
  const text = `So many calls of this client wait for a person to approve them (${max}) that no more are taken, so the call was not made. Wait until some are decided.`
  return failure('too_many_approvals', text, { max })
}
