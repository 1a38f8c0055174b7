/** Compares a wanted thing with the one that is there. Gives the names of the members that differ, for people to read. PURE. */
import { isObject } from '../../base/json.ts'
import { KEPT, type ServerDocument } from '../../contract/server-document.ts'
import type { Json } from '../gateway/api.ts'
import { canonical } from '../kit/canonical.ts'
import type { WantedGrant, WantedPerson, WantedWebhook } from './wanted.ts'

export function settingsDifferences(document: Json, current: Json): string[] {
  return membersThatDiffer(document, current)
}

/** With the role that is given or taken. The order of accounts means nothing. */
export function personDifferences(
  { role, email, accounts }: WantedPerson['document'],
  current: Json,
): string[] {
  const sorted = (value: unknown) => canonical(Array.isArray(value) ? value.toSorted() : value)
  return [
    ...(role === current.role ? [] : [`role ${current.role} → ${role}`]),
    ...membersThatDiffer({ email }, current),
    ...(sorted(accounts) === sorted(current.accounts) ? [] : ['accounts']),
  ]
}

/** @param again whether values that cannot be compared count as others */
export function serverDifferences(document: ServerDocument, current: Json, again: boolean): string[] {
  const literals = Object.values(document.headers).some(
    (value) => typeof value === 'string' && value !== KEPT,
  )
  const stored = isObject(current.headers) ? current.headers : {}
  const headers = Object.entries(document.headers).map(([name, value]) => [
    name,
    // A kept header stays as it is, whether it is a value or made of a secret.
    value === KEPT ? stored[name] : typeof value === 'string' ? KEPT : value,
  ])
  const shown = { ...document, headers: Object.fromEntries(headers) as Json }
  return [
    ...membersThatDiffer(shown, { ...current, headers: stored }),
    ...(again && literals ? ['header values'] : []),
  ]
}

export function grantDifferences(document: WantedGrant['document'], current: Json): string[] {
  const time = (value: unknown) => (typeof value === 'string' ? instantMs(value) : null)
  const { expires_at, ...rest } = document
  return [
    ...membersThatDiffer(rest, current),
    ...(time(expires_at) === time(current.expires_at) ? [] : ['expires_at']),
  ]
}

export function webhookDifferences(document: WantedWebhook['document'], current: Json): string[] {
  const events = Array.isArray(current.events) ? current.events.toSorted() : current.events
  return membersThatDiffer(document, { ...current, events })
}

function membersThatDiffer(wanted: object, current: Json): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => canonical(value) !== canonical(current[name]))
    .map(([name]) => name)
}

/** Unix milliseconds: the same moment may be written in several ways. */
export function instantMs(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: it asks for no time, it reads one
  return Date.parse(text)
}
