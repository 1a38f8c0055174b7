/**
 * From an HTTP request and its parsed body to one message of a known era, or to a refusal. PURE: all checks that need no other party are
 * made here, so that a message which gets past has no reason left to be refused after its work was done.
 */
import type {
  InboundModernRoute,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
} from '@modelcontextprotocol/server'
import { isObject } from '../base/json.ts'
import { codes, idOf, type Refusal } from '../base/jsonrpc.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '../base/protocol.ts'
import { type Era, sessionEraVersions, statelessEraVersions } from '../base/revisions.ts'
import { nothingLost, type Reading, readWritten } from './as-written.ts'
import type { Message, MessageHeaders } from './message.ts'
import { noteIntroduction, plainRoute } from './plain-request.ts'
import { isProtocolLoaded, loadedProtocol } from './protocol.ts'
import { callHandleIn } from './session-handle.ts'
import { standardHeaderRefusal } from './standard-headers.ts'

/** The revision of a session-era request without the header (MCP 2025-06-18, transports). */
const ASSUMED_VERSION = '2025-03-26'

type Read = Exclude<Message, { kind: 'refused' }> | Refused
type Refused = Omit<Extract<Message, { kind: 'refused' }>, 'isCall' | 'handle'>

/**
 * Reads one message: a POSTed body, or a part of one.
 * @param written the same with its numbers as they were written, where that makes a difference (as-written.ts); else null
 * @throws where `needsProtocol` says that the protocol package is to be loaded first
 */
export function readMessage(body: unknown, written: unknown, headers: MessageHeaders): Reading {
  if (written !== null) return readWritten(body, written, (plain) => readPlain(plain, headers))
  return { message: readPlain(body, headers), id: idOf(body), lost: nothingLost }
}

/** Tells whether the protocol package must be loaded before `readMessage` is given the same: it reads what is not in the common form. */
export function needsProtocol(body: unknown, written: unknown, headers: MessageHeaders): boolean {
  if (isProtocolLoaded()) return false
  if (written !== null || plainRoute(body, headers) === null) return true
  const { method, params } = body as JSONRPCRequest
  return method === 'tools/call' && !isPlainCall(params)
}

/** Reads it as JavaScript has it. */
function readPlain(body: unknown, headers: MessageHeaders): Message {
  const message = read(body, headers)
  if (message.kind !== 'refused') return message
  return { ...message, isCall: isCall(body), handle: callHandleIn(body) }
}

/** Tells whether a message, or any of a batch, means to call a tool, however it goes about it. */
export function isCall(body: unknown): boolean {
  if (Array.isArray(body)) return body.some((one) => !Array.isArray(one) && isCall(one))
  return isObject(body) && body.method === 'tools/call'
}

function read(body: unknown, headers: MessageHeaders): Read {
  const plain = plainRoute(body, headers)
  if (plain !== null)
    return plain.kind === 'modern'
      ? readStateless(plain, headers)
      : readSessionEra(plain.reason, body, headers)
  const route = loadedProtocol().classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(headers.protocolVersion === null ? {} : { protocolVersionHeader: headers.protocolVersion }),
    ...(headers.method === null ? {} : { mcpMethodHeader: headers.method }),
    ...(headers.name === null ? {} : { mcpNameHeader: headers.name }),
  })
  switch (route.kind) {
    case 'reject':
      return refused(eraOfHeaders(headers), {
        status: route.httpStatus,
        code: route.code,
        message: route.message,
        ...(route.data === undefined ? {} : { data: route.data }),
      })
    case 'modern':
      if (route.messageKind === 'request') noteIntroduction(body)
      return readStateless(route, headers)
    case 'legacy':
      return readSessionEra(route.reason, body, headers)
  }
}

/** The era of a request without a body. */
export function eraOfHeaders({ protocolVersion }: MessageHeaders): Era {
  return protocolVersion !== null && statelessEraVersions.includes(protocolVersion) ? 'stateless' : 'session'
}

function readStateless(route: InboundModernRoute, headers: MessageHeaders): Read {
  const revision = route.classification.revision
  if (revision === undefined || !statelessEraVersions.includes(revision)) {
    return refused('stateless', {
      status: 400,
      code: codes.unsupportedVersion,
      message: `Unsupported protocol version: ${revision ?? '(none)'}`,
      data: { supported: statelessEraVersions, ...(revision === undefined ? {} : { requested: revision }) },
    })
  }
  if (route.messageKind === 'notification') {
    const refusal =
      notificationRefusal(route.message.method) ??
      standardHeaderRefusal(route.message.method, undefined, headers)
    if (refusal !== null) return refused('stateless', refusal)
    return { kind: 'notification', era: 'stateless', body: route.message }
  }
  const { id, method, params } = route.message
  const refusal =
    standardHeaderRefusal(method, params, headers) ??
    (method === 'tools/call' ? paramsRefusal(method, params) : null)
  if (refusal !== null) return refused('stateless', refusal)
  return { kind: 'request', era: 'stateless', id, method, body: route.message }
}

function readSessionEra(reason: string, body: unknown, headers: MessageHeaders): Read {
  if (reason === 'batch') return { kind: 'batch', era: 'session', bodies: body as unknown[] }
  if (reason !== 'initialize') {
    const version = headers.protocolVersion ?? ASSUMED_VERSION
    if (!sessionEraVersions.includes(version)) {
      return refused('session', {
        status: 400,
        code: codes.transport,
        message: `Unsupported MCP-Protocol-Version: ${version}; supported: ${sessionEraVersions.join(', ')}`,
      })
    }
  }
  if (reason === 'response') return { kind: 'response', era: 'session', body: body as JSONRPCResponse }
  if (reason === 'notification') {
    const notification = body as JSONRPCNotification
    const unnotified = notificationRefusal(notification.method)
    if (unnotified !== null) return refused('session', unnotified)
    return { kind: 'notification', era: 'session', body: notification }
  }
  const request = body as JSONRPCRequest
  const refusal = paramsRefusal(request.method, request.params)
  if (refusal !== null) return refused('session', refusal)
  return { kind: 'request', era: 'session', id: request.id, method: request.method, body: request }
}

/**
 * Refuses a request without an id, which is none in MCP. Passed on as a notification it would reach a server undecided, and some carry it
 * out whether it has an id or not.
 */
function notificationRefusal(method: string): Refusal | null {
  if (method.startsWith('notifications/')) return null
  const message = 'A message without an id must be a notification: its method begins with notifications/'
  return { status: 400, code: codes.invalidRequest, message }
}

/** The shape of what we act on ourselves; other methods are checked by the code that answers them. */
function paramsRefusal(method: string, params: unknown): Refusal | null {
  const schema =
    method === 'tools/call'
      ? 'CallToolRequestParams'
      : method === 'initialize'
        ? 'InitializeRequestParams'
        : null
  if (schema === null || (method === 'tools/call' && isPlainCall(params))) return null
  const result = loadedProtocol().specTypeSchemas[schema]['~standard'].validate(params)
  const issue = 'issues' in result ? result.issues?.[0] : undefined
  if (issue === undefined) return null
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return {
    status: 200,
    code: codes.invalidParams,
    message: `Invalid params of ${method}: ${path === '' ? 'params' : path}: ${issue.message}`,
  }
}

/**
 * Recognises the shape of nearly all calls without the schema, which would come to the same at ten times the cost. The schema checks all
 * others.
 */
function isPlainCall(params: unknown): boolean {
  if (!isObject(params) || typeof params.name !== 'string') return false
  for (const key in params) {
    const value = params[key]
    if (key === 'name') continue
    if (key === 'arguments' ? !isObject(value) : key !== '_meta' || !isPlainMeta(value)) return false
  }
  return true
}

/** The members that the classification has checked already. */
const envelopeKeys: ReadonlySet<string> = new Set([
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
])

/** `_meta` whose values are all text or numbers where the protocol gives them a shape. */
function isPlainMeta(meta: unknown): boolean {
  if (!isObject(meta)) return false
  for (const key in meta) {
    if (key === 'progressToken') {
      const token = meta[key]
      if (typeof token !== 'string' && !Number.isInteger(token)) return false
    } else if (key.includes('modelcontextprotocol') && !envelopeKeys.has(key)) return false
  }
  return true
}

function refused(era: Era, refusal: Refusal): Refused {
  return { kind: 'refused', era, refusal }
}
