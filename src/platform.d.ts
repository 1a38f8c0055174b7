/** Tells the platform's types what this Worker is: its bindings and its exports. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import('./index.ts')
    durableNamespaces:
      | 'PrincipalObject'
      | 'LegitiStandIn'
      | 'TenantCounters'
      | 'TenantObject'
      | 'ExchangeObject'
  }
  interface Env extends Readonly<import('./contract/env.ts').Env> {}
}
