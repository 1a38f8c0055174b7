/** A whole page, as it is sent: without a script, and nothing of another origin. */
import { type Html, html } from './html.ts'
import { STYLE } from './style.ts'

export interface Page {
  readonly status: number
  readonly title: string
  /** The tenant of the page, and the reader who is signed in; null before that. */
  readonly header?: Html | null
  readonly main: Html
  readonly headers?: Readonly<Record<string, string>>
}

export async function pageResponse({
  status,
  title,
  header = null,
  main,
  headers = {},
}: Page): Promise<Response> {
  return new Response(documentOf(title, header, main).text, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': await policy(),
      ...plainHeaders,
      ...headers,
    },
  })
}

/** Sends a browser that has posted something to a page of ours, which it then asks for (RFC 9110, 15.4.4). */
export function seeOther(path: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 303, headers: { location: path, ...plainHeaders, ...headers } })
}

const plainHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-robots-tag': 'noindex',
} as const

function documentOf(title: string, header: Html | null, main: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Gatehouse</title>
<style>${style}</style>
</head>
<body>
${header !== null && html`<header>${header}</header>\n`}<main>
${main}
</main>
</body>
</html>
`
}

/** The one style; it has no sign that would be escaped. */
const style = STYLE.replaceAll('\n', ' ')

let made: Promise<string> | undefined

function policy(): Promise<string> {
  made ??= makePolicy()
  return made
}

async function makePolicy(): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style)))
  return [
    "default-src 'none'",
    `style-src 'sha256-${digest.toBase64()}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
