/** Registers a server with a gateway as its operator would, through the administration API. */
const ROOT_TOKEN = 'gh_root_insecure-local-token'
const TENANT = '/api/v1/tenants/conformance'

/** Makes the server at `url` known as `name`, and returns a token of a grant that may call all of its tools. */
export async function register(gatewayUrl: string, name: string, url: string): Promise<string> {
  await put(gatewayUrl, '', {})
  await put(gatewayUrl, `/servers/${name}`, { url })
  await put(gatewayUrl, '/policies/open', { version: '1', default: 'allow' })
  const grant = await put(gatewayUrl, `/grants/suite-${name}`, { policy: 'open' })
  if (typeof grant.token !== 'string')
    throw new Error(`the grant came without a token: ${JSON.stringify(grant)}`)
  return grant.token
}

async function put(gatewayUrl: string, path: string, body: unknown): Promise<{ readonly token?: unknown }> {
  const response = await fetch(`${gatewayUrl}${TENANT}${path}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`PUT ${TENANT}${path} was answered ${response.status}: ${text}`)
  return JSON.parse(text === '' ? '{}' : text) as { readonly token?: unknown }
}
