/** Warnings that come with a change, for answers of the gateway and for commands. PURE. */
import type { ServerUses } from './tenant.ts'

/** Warns that the change made its tenant: another one may have been meant. */
export function madeTenantWarning(tenant: string): string {
  return `The tenant ${tenant} was made: there was none of that name.`
}

const MOST_NAMED = 10

/** Says what else the removal of a server changes, a sentence each; none if nothing names it. */
export function removedServerWarnings({ grants, every, policies }: ServerUses): string[] {
  const named = policies.map(({ name, tools, reads }) => `${name} (${some([...tools, ...reads])})`)
  return [
    ...(grants.length === 0 ? [] : [`Grants that name it, from which it is taken: ${some(grants)}.`]),
    ...(every.length === 0
      ? []
      : [`Grants that reach every server, and no longer this one: ${some(every)}.`]),
    ...(named.length === 0 ? [] : [`Policies that name it, and go on naming it: ${some(named)}.`]),
  ]
}

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`
}

/** Warns that nobody of the tenant can administer it any more. */
export function noAdminWarning(tenant: string): string {
  return `Nobody is admin of the tenant ${tenant} any more: the root token alone administers it.`
}

/** Warns that no admin has a token any more. */
export const noAdminTokenWarning =
  'No admin of the tenant has a token any more: they come in through Cloudflare Access, or the root token gives them another.'

/** Warns that the change helps no agent, as long as all of them are refused. */
export function suspendedWarning(tenant: string): string {
  return `The tenant ${tenant} is suspended: its agents are refused until somebody with the root token resumes it.`
}
