/** Why no tenant is made with this name, or null. In a host name, two hyphens there announce another kind of label (RFC 5890, 2.3.1). */
export function newTenantProblem(name: string): string | null {
  if (!/^..--/.test(name)) return null
  return `the tenant's name: found ${JSON.stringify(name)}; allowed: no -- after the second character`
}
