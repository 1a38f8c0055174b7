/** The principal's side of `admit` and an event feed in one call. */
import { readCredential, type WrittenCredential } from '../../contract/credential.ts'
import {
  ADMITTED_HEADER,
  type AdmitAnswer,
  type AdmitRequest,
  FEED_HEADER,
} from '../../contract/principal.ts'
import { openTransportById } from '../tables/transports.ts'
import { acceptFeed, asciiJson } from './feeds.ts'

/** The question that comes with a WebSocket, or null: it asks for none. */
export function feedRequest(http: Request): AdmitRequest | null {
  const header = http.headers.get(FEED_HEADER)
  if (header === null || http.headers.get('upgrade') !== 'websocket') return null
  const { credential, ...rest } = JSON.parse(header) as Omit<AdmitRequest, 'credential'> & {
    credential: WrittenCredential
  }
  return { ...rest, credential: readCredential(credential) }
}

/** The answer: a WebSocket where the request was admitted, otherwise the AdmitAnswer as JSON. */
export function feedAnswer(
  ctx: DurableObjectState,
  transport: string | null,
  configVersion: string,
  answer: AdmitAnswer,
): Response {
  if (answer.kind !== 'admitted') return Response.json(answer)
  const { 0: client, 1: server } = new WebSocketPair()
  acceptFeed(ctx, server, { transport, login: answer.admitted.session?.id ?? null })
  const listed = transport === null ? null : openTransportById(ctx.storage.sql, transport)
  // The tools may have changed while the client had no stream open.
  if (listed?.listedVersion && listed.listedVersion !== configVersion) server.send('tools_changed')
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: { [ADMITTED_HEADER]: asciiJson(answer.admitted) },
  })
}
