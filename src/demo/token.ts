/** Names and tokens of the demo: published, so insecure on purpose. PURE. */

export const DEMO_TENANT = 'demo'
export const DEMO_GRANT = 'agent'
export const DEMO_SECRET = 'insecure-local-token'
export const DEMO_TOKEN = `gh_${DEMO_TENANT}_${DEMO_GRANT}_${DEMO_SECRET}`

/** The demo's root token, opening the administration API where no other is set. */
export const DEMO_ROOT_TOKEN = 'gh_root_insecure-local-token'
