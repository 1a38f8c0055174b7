/** The largest number of things of each kind that a tenant may have. PURE. */
export const MOST = {
  people: 500,
  secrets: 500,
  servers: 100,
  policies: 500,
  grants: 5_000,
  webhooks: 50,
} as const
