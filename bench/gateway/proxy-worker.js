/** What anybody would write first, and the least that anything in between can cost: pass the body through. */
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    const { status, headers, body } = await fetch(`${env.UPSTREAM}${pathname}`, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: 'manual',
    })
    return new Response(body, { status, headers })
  },
}
