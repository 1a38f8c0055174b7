/**
 * The declared capabilities of a server, as far as requests depend on them: a client uses no capability that was not negotiated (MCP
 * 2025-11-25, lifecycle, operation; 2026-07-28, capabilities). PURE.
 */
import { isObject } from '../base/json.ts'
import type { Era } from '../base/revisions.ts'

export const capabilities = [
  'tools',
  'tools.listChanged',
  'prompts',
  'prompts.listChanged',
  'resources',
  'resources.listChanged',
  'resources.subscribe',
  'completions',
  'logging',
] as const
export type Capability = (typeof capabilities)[number]

/** By era; null where nobody has heard the server's introduction yet. */
export type Declared = Readonly<Record<Era, readonly Capability[] | null>>

export const nothingDeclared: Declared = { session: null, stateless: null }

/** Revisions in which there is no capability for completions, so that every server may be asked. */
const WITHOUT_COMPLETIONS: ReadonlySet<string> = new Set(['2024-10-07', '2024-11-05'])

/** Returns the capabilities of an introduction, in a fixed order. */
export function declaredIn(given: unknown, protocolVersion: string): readonly Capability[] {
  const declared = isObject(given) ? given : {}
  return capabilities.filter((capability) => {
    if (capability === 'completions' && WITHOUT_COMPLETIONS.has(protocolVersion)) return true
    const [name = '', part] = capability.split('.')
    const whole = Object.hasOwn(declared, name) ? declared[name] : undefined
    // An object by the schema; some servers write true.
    const isThere = isObject(whole) || whole === true
    return part === undefined ? isThere : isObject(whole) && whole[part] === true
  })
}

const needs: Readonly<Record<string, Capability>> = {
  'tools/list': 'tools',
  'tools/call': 'tools',
  'prompts/list': 'prompts',
  'prompts/get': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'resources/read': 'resources',
  'resources/subscribe': 'resources.subscribe',
  'resources/unsubscribe': 'resources.subscribe',
  'completion/complete': 'completions',
  'logging/setLevel': 'logging',
}

/** Returns the capability that a server must have declared for this method; null for a method that every server has. */
export function neededFor(method: string): Capability | null {
  return (Object.hasOwn(needs, method) ? needs[method] : null) ?? null
}

/** The kinds of notifications in a subscription, by the capability that each needs (MCP 2026-07-28, subscriptions). */
const capabilityOf: Readonly<Record<string, Capability>> = {
  toolsListChanged: 'tools.listChanged',
  promptsListChanged: 'prompts.listChanged',
  resourcesListChanged: 'resources.listChanged',
  resourceSubscriptions: 'resources.subscribe',
}

/** Returns the part of a subscriber's notifications that this server can fulfil; all of it where nothing is known. */
export function declaredNotifications(
  notifications: Readonly<Record<string, unknown>>,
  declared: readonly Capability[] | null,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(notifications).filter(([name]) => {
      const needed = Object.hasOwn(capabilityOf, name) ? capabilityOf[name] : undefined
      return needed === undefined || declared === null || declared.includes(needed)
    }),
  )
}
