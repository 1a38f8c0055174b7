/** Finds steps that the deployment could not take for what it is not set up with, before the first is made. PURE. */

import type { Deployment } from '../../contract/without-effect.ts'
import { withoutEffect } from '../../contract/without-effect.ts'
import type { Step } from './step.ts'
import type { Wanted } from './wanted.ts'

/** Every problem, with the file that it is in and the setting that is missing. */
export function deploymentProblems(
  wanted: Wanted,
  deployment: Deployment,
  steps: readonly Pick<Step, 'action' | 'kind' | 'name'>[],
): string[] {
  return steps.flatMap(({ action, kind, name }) => {
    if (action === 'delete') return []
    if (kind === 'tenant') return tenantProblems(wanted, deployment)
    if (deployment.encryption_keys) return []
    switch (kind) {
      case 'grant':
        return action === 'create' ? problem(wanted.grants?.get(name)?.file, grantWords(name)) : []
      case 'webhook':
        return problem(wanted.webhooks?.get(name)?.file, WEBHOOK)
      case 'server': {
        const it = wanted.servers?.get(name)
        return Object.keys(it?.document.headers ?? {}).length === 0 ? [] : problem(it?.file, HEADERS)
      }
      default:
        return []
    }
  })
}

const UNTIL = 'until that secret of the deployment is set'
const WEBHOOK = `found a webhook, and the deployment has no ENCRYPTION_KEYS to seal its secret with; allowed: none ${UNTIL}`
const HEADERS = `/headers: found headers, and the deployment has no ENCRYPTION_KEYS to seal them with; allowed: none ${UNTIL}`

function grantWords(name: string): string {
  return (
    'found a new grant, and the deployment has no ENCRYPTION_KEYS, without which a run that dies would lose its token; allowed: ' +
    `to set that secret of the deployment, or to make the grant first with gatehouse grant issue ${name} --key none`
  )
}

function tenantProblems({ tenant }: Wanted, deployment: Deployment): string[] {
  if (tenant === null) return []
  const document = tenant.document as unknown as Parameters<typeof withoutEffect>[1]
  return withoutEffect(deployment, document).flatMap((words) => problem(tenant.file, words))
}

function problem(file: string | undefined, words: string): string[] {
  return file === undefined ? [] : [`${file}: ${words}`]
}
