/** How many things a tenant may have, of each kind. PURE. */
export const MOST = {
  people: 500,
  secrets: 500,
  servers: 100,
  policies: 500,
  grants: 5_000,
  webhooks: 50,
} as const
