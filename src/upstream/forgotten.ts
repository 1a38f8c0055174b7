/** The words in which servers say that they do not know a session. PURE. */
import type { RpcId } from '../base/rpc.ts'
import { messageIn } from './message-in.ts'

/**
 * The words of real servers: of the official SDKs (TypeScript, Python, C#, Go, Java, Kotlin, Rust), of FastMCP, mcp-go, mcp-proxy,
 * supergateway and of some hundred servers that were written after their examples. All of them name the session and, near it, its
 * absence.
 */
const ABSENT =
  '(?:not (?:been )?(?:found|exist|valid|known|recogni[sz]ed|active|initiali[sz]ed|provided|available|present|specified|set)|' +
  "(?:does|do|did)(?: not|n['\u2019]t) (?:exist|match)|(?:is|was)n['\u2019]t (?:found|valid|known|recogni[sz]ed|initiali[sz]ed)|" +
  'no longer|no (?:valid|active|such|matching|existing)|non-?existent|unknown|unrecogni[sz]ed|invalid|missing|required?s?|needed|expired|' +
  'stale|lost|gone|terminated|closed|ended|deleted|evicted|inactive|timed out|mismatch(?:ed)?|no record|no transport|' +
  "(?:could not|couldn['\u2019]t|cannot|can['\u2019]t|unable to|failed to) (?:be )?(?:find|found|locate|resolve|retrieve|look up))"
const SESSION = '(?:mcp[-_ ]?)?session(?:[-_ ]?ids?)?\\b'
const NEAR = '[^.;\\n]{0,60}?'

const says: readonly RegExp[] = [
  new RegExp(`\\b${SESSION}${NEAR}\\b${ABSENT}`, 'i'),
  new RegExp(`\\b${ABSENT}${NEAR}\\b${SESSION}`, 'i'),
  /\bno (?:mcp[-_ ]?)?session\b/i,
  /\b(?:server|transport|mcp)\b[^.;\n]{0,20}\bnot (?:yet )?(?:been )?initiali[sz]ed/i,
  /\binitiali[sz]e (?:request|first|again)\b|\b(?:send|must|call) (?:an? )?["'`]?initiali[sz]e\b|\bre-?initiali[sz]e\b/i,
  // In other languages: a session that was not found, is not valid or has expired.
  /\b(?:sesi[oó]n|sess[aã]o|sitzung)\b[^.\n]{0,30}(?:no (?:encontrada|existe|v[aá]lida)|n[aã]o (?:encontrada|existe)|inv[aá]lida|caducada|expirad[ao]|abgelaufen|ung[uü]ltig|nicht gefunden|unbekannt)/i,
  /(?:会话|會話)[^。\n]{0,20}(?:不存在|无效|無效|过期|過期|失效|未找到|丢失)|(?:无效|無效|未知|缺少)的?(?:会话|會話)/,
]

/** Tells whether a text speaks of a session that is not known. */
export function saysForgotten(text: string): boolean {
  const plain = text.replaceAll(/<[^>]{0,200}>/g, ' ').replaceAll(/\s+/g, ' ')
  return says.some((pattern) => pattern.test(plain))
}

/** An error of MCP for arguments that do not fit: a tool may have one that is called `session_id`. */
const INVALID_PARAMS = -32_602
/** Longer texts are about something else, and mention a session by the way. */
const LONGEST_CHARS = 300
/** Words that no tool has for sessions of its own. */
const OF_THE_TRANSPORT =
  /session[-_ ]?id|mcp[-_ ]session|bad request|invalid request|initiali[sz]e (?:request|first)/i

export type Verdict =
  /** It does not know the session, and so has not done anything. */
  | 'forgotten'
  /** The session is over, but whether the server has done something of the request is not known: it is not sent again. */
  | 'over'
  /** It answers the request itself with words that may be about the session, or about something that the tool calls so. */
  | 'ambiguous'
  | 'known'

/**
 * Reads from the answer to request `id`, which named a session, whether the session is forgotten. 404 ends it whatever the words (MCP
 * 2025-11-25, session management). Many servers answer 400 instead, and some 401, 403, 409, 410, 422 or 503: then the words count; of
 * another 5xx they end the session, and no more. An error under the request's own id comes from a server that has read the request, and
 * perhaps carried it out.
 */
export function verdictOn(status: number, text: string, id: RpcId | null): Verdict {
  if (status < 400) return 'known'
  const message = messageIn(text)
  const isOwn = id !== null && message !== null && message.id === id
  if (!isOwn) {
    if (status !== 404 && status !== 410 && !saysForgotten(wordsOf(text))) return 'known'
    return mayHaveBegun(status) ? 'over' : 'forgotten'
  }
  const { code, message: words = '' } = message.error ?? {}
  const isSaid = words.length <= LONGEST_CHARS && code !== INVALID_PARAMS && saysForgotten(words)
  if (status === 404) return isSaid ? 'forgotten' : 'over'
  if (!isSaid || status >= 500) return 'known'
  return OF_THE_TRANSPORT.test(words) ? 'forgotten' : 'ambiguous'
}

/** A server that failed may have begun. 503 says that it could not. */
function mayHaveBegun(status: number): boolean {
  return status >= 500 && status !== 503
}

/** Returns the readable part of a body: the words of an error where it has some. */
function wordsOf(text: string): string {
  return messageIn(text)?.error?.message ?? text.slice(0, 4_096)
}
