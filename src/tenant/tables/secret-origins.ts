/** The origins that secrets may be sent to: no header of a server elsewhere is made of one. */
import { Refusal, type RefusedChange } from '../../contract/tenant.ts'
import { secretHeadersOf, viewSecret } from './secrets.ts'
import { readServer } from './servers.ts'

/**
 * Refuses a server that would get a secret which is for other origins: a person who can register a server need not know the value of
 * a secret, and must not have it sent anywhere. Call it inside the transaction that writes one or the other, when both are written.
 *
 * @throws Refusal when a header of this server is made of a secret that is for other origins
 */
export function refuseElsewhere(sql: SqlStorage, server: string, kind: RefusedChange['kind']): void {
  const registered = readServer(sql, server)
  if (registered === null) return
  const { origin } = new URL(registered.document.url)
  const problems: string[] = []
  for (const [header, { secret }] of Object.entries(secretHeadersOf(sql, server))) {
    const origins = viewSecret(sql, secret)?.origins ?? []
    if (origins.includes(origin)) continue
    const found =
      origins.length === 0
        ? `the secret ${secret}, which was stored before secrets had origins`
        : `the secret ${secret}, which is for ${origins.join(', ')}`
    problems.push(
      `/headers/${header}: found ${found}, and the server ${server} at ${origin}; allowed: a secret whose value was written with that origin`,
    )
  }
  if (problems.length > 0) throw new Refusal(kind, problems)
}
