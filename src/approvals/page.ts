/**
 * What a person finds behind an approval's link. The same bytes for every id, known or not: who may see a call says who
 * they are first, to the administration API.
 */
const text = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Approval</title>
<h1>A call waits for approval</h1>
<p>An agent wants to make a call that a person must approve first. The id of the call is the last part of this
page's address.</p>
<p>An administrator of the tenant decides, with <code>gatehouse approval approve</code> or <code>deny</code>, or over HTTP:
<code>POST /api/v1/tenants/&lt;tenant&gt;/approvals/&lt;id&gt;</code> with <code>{"decision": "approve"}</code> or
<code>{"decision": "deny", "reason": "…"}</code>.</p>
</html>
`

export function approvalPage(): Response {
  return new Response(text, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  })
}
