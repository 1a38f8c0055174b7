import { app } from './app.ts'

export { LegitiStandIn } from './dev/stand-in.ts'
export { ExchangeObject } from './exchange/object.ts'
export { PrincipalObject } from './principal/object.ts'
export { TenantCounters } from './tenant/counters-object.ts'
export { TenantDirectory } from './tenant/directory-object.ts'
export { TenantObject } from './tenant/object.ts'

export default app
