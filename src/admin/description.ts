/** The description of the administration API: for programs, and as a page for people. Neither holds a secret. */
import * as z from 'zod/v4'
import type { Env } from '../contract/env.ts'
import { isDeployed, nativeStates } from '../deployment/native-servers.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { type OpenApi, type Operation, openApi } from './openapi.ts'
import { answer, type Route, route } from './route.ts'

/** @param routes all of the API, these included; asked when a description is */
export function descriptionRoutes(routes: () => readonly Route[]): readonly Route[] {
  let made: OpenApi | undefined
  const description = () => {
    made ??= openApi(routes())
    return made
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/v1/openapi.json',
        role: 'public',
        summary: 'This description',
        answers: { 200: answer('OpenAPI 3.1', z.record(z.string(), z.unknown())) },
      },
      ({ env }) => Response.json(withoutOff(description(), env)),
    ),
    route(
      {
        method: 'GET',
        path: '/api/v1/docs',
        role: 'public',
        summary: 'The same, for people',
        answers: { 200: answer('A page', null, 'text/html') },
      },
      ({ env }) =>
        new Response(page(withoutOff(description(), env)), {
          headers: {
            'content-type': 'text/html; charset=utf-8',
            'content-security-policy':
              "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            'x-content-type-options': 'nosniff',
          },
        }),
    ),
  ]
}

/** The description with a word on the native servers that this deployment does not have: what is said of them has no effect. */
function withoutOff(described: OpenApi, env: Env): OpenApi {
  const off = nativeServerNames.filter((name) => !isDeployed(env, name))
  if (off.length === 0) return described
  const said = `This deployment does not have the native servers ${off.join(', ')}: what is said of them here has no effect.`
  const description = `${String(described.info.description)} ${said}`
  return {
    ...described,
    info: { ...described.info, description, 'x-gatehouse-native-servers': nativeStates(env) },
  }
}

const STYLE = `
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h2 { margin-top: 2.5rem; text-transform: capitalize }
  details { border: 1px solid #8885; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem }
  summary { cursor: pointer; overflow-wrap: anywhere }
  code, pre { font: 14px/1.45 ui-monospace, monospace }
  pre { background: #8881; border-radius: 6px; overflow: auto; padding: .6rem; max-height: 24rem }
  .method { display: inline-block; font-weight: 600; width: 4.5em }
  .role { color: #888; float: right }
  table { border-collapse: collapse; width: 100% }
  td, th { text-align: left; vertical-align: top; border-top: 1px solid #8883; padding: .25rem .6rem .25rem 0 }
`

function page({ info, paths }: OpenApi): string {
  const byTag = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag = ''] = operation.tags
      byTag.set(tag, [...(byTag.get(tag) ?? []), section(method, path, operation)])
    }
  }
  const parts = [...byTag].map(([tag, sections]) => `<h2>${text(tag)}</h2>${sections.join('')}`)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(String(info.title))}</title><style>${STYLE}</style></head>
<body><h1>${text(String(info.title))}</h1><p>${text(String(info.description))}
The same for programs: <a href="openapi.json">openapi.json</a>.</p>${parts.join('')}</body></html>
`
}

function section(method: string, path: string, operation: Operation): string {
  const { summary, description = '', parameters, requestBody, responses } = operation
  const role = operation['x-gatehouse-role']
  const rows = parameters.map(
    ({ name, in: where, required, description: says = '', schema }) =>
      `<tr><td><code>${text(name)}</code></td><td>${where}${required ? ', required' : ''}</td><td>${text(says || brief(schema))}</td></tr>`,
  )
  const answers = Object.entries(responses).map(([status, one]) => {
    const says = typeof one.description === 'string' ? text(one.description) : 'refused'
    return `<tr><td>${status}</td><td>${says}${schemaOf(one)}</td></tr>`
  })
  return `<details><summary><span class="role">${text(role)}</span><span class="method">${method.toUpperCase()}</span>
<code>${text(path)}</code> ${text(summary)}</summary>
${description === '' ? '' : `<p>${text(description)}</p>`}
${rows.length === 0 ? '' : `<table>${rows.join('')}</table>`}
${requestBody === undefined ? '' : `<h4>Body</h4>${schemaOf(requestBody)}`}
<h4>Answers</h4><table>${answers.join('')}</table></details>
`
}

function schemaOf(holder: Readonly<Record<string, unknown>>): string {
  const content = (holder.content ?? {}) as Record<string, { schema?: unknown }>
  const schema = Object.values(content)[0]?.schema
  return schema === undefined ? '' : `<pre>${text(JSON.stringify(schema, null, 1))}</pre>`
}

function brief(schema: Readonly<Record<string, unknown>>): string {
  const { enum: values, type } = schema as { enum?: readonly unknown[]; type?: unknown }
  return values === undefined ? String(type ?? '') : values.join(', ')
}

function text(plain: string): string {
  return plain.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
