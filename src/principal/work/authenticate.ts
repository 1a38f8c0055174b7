/** Authenticates the caller: compares the token's secret with the grant, and chooses the configuration that then counts. */
import { isDemo } from '../../base/local-switches.ts'
import type { TenantConfig } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { Grant } from '../../contract/grant.ts'
import type { AdmitRequest } from '../../contract/principal.ts'
import { DEMO_LABEL, demoConfig, demoSecretHash } from '../../demo/demo.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../../demo/token.ts'
import { opens } from '../tables/grants.ts'
import { upstreamsOf } from '../tables/upstream-ending.ts'
import type { PrincipalState } from './state.ts'

/** The current configuration when the token opens this principal's grant, else null. Writes nothing but the demo's grant, where its files are others now. */
export async function authenticate(
  principal: PrincipalState,
  env: Env,
  request: AdmitRequest,
): Promise<TenantConfig | null> {
  const isDemoGrant = isDemo(env) && request.tenant === DEMO_TENANT && request.grant === DEMO_GRANT
  if (principal.grant === null && isDemoGrant) await seedDemo(principal, request)
  const { grant } = principal
  if (!opens(grant, request.credential, Date.now())) return null
  if (grant.origin === 'tenant') return grant.config
  if (!isDemoGrant) return null
  const config = await currentDemo(grant.config)
  // Its alarm goes by what is stored: by the file that was edited, too.
  if (config.version !== grant.config.version)
    await principal.write(() => {
      if (principal.grant === grant) principal.install({ ...grant, config })
    })
  return config
}

/** The demo's configuration as its files, or its tenant's settings, are now. */
async function currentDemo(stored: TenantConfig): Promise<TenantConfig> {
  const { suspended, settingsOf } = stored
  const config = await demoConfig(upstreamsOf(stored), settingsOf === 'tenant' ? stored.settings : null)
  return {
    ...config,
    ...(settingsOf === undefined ? {} : { settingsOf }),
    ...(suspended === undefined ? {} : { suspended }),
  }
}

/** The demo's grant is installed by its first use, so that a wrong token stores nothing here either. */
async function seedDemo(principal: PrincipalState, request: AdmitRequest): Promise<void> {
  const grant: Grant = {
    tenant: DEMO_TENANT,
    name: DEMO_GRANT,
    label: DEMO_LABEL,
    secretHash: await demoSecretHash(),
    olderSecret: null,
    origin: 'demo',
    config: await demoConfig(),
    expiresAtMs: null,
    revokedAtMs: null,
    incarnation: '',
  }
  if (!opens(grant, request.credential, Date.now())) return
  await principal.write(() => {
    if (principal.grant === null) principal.install(grant)
  })
}
