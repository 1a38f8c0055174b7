/** Answers that no honest server gives, as plain data that can be made smaller: which ones, chosen by a seed. */
import fc from 'fast-check'

/** Where the id of the request goes, as JSON. */
export const ID = '"$ID"'

/** How an answer travels. */
export type Form = 'json' | 'events'
/** How it ends. `proper`: cut, but as if it were whole. */
export type End = 'whole' | 'cut' | 'reset' | 'proper' | 'hang'

export interface Lie {
  readonly status: number
  /** The media type that it claims; null for none. */
  readonly type: string | null
  readonly form: Form
  readonly end: End
  /** JSON texts, one a message; in the form `json` all of them as one body. */
  readonly messages: readonly string[]
  /** Lines in front of each event. */
  readonly lines: readonly string[]
}

/** What a lie is told about. */
export const methods = [
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'tools/call',
  'prompts/get',
  'resources/read',
  'completion/complete',
  'logging/setLevel',
  'initialize',
  'server/discover',
] as const
export type Method = (typeof methods)[number]

const deep = (depth: number) => JSON.parse(`${'{"a":['.repeat(depth)}${']}'.repeat(depth)}`) as unknown

/** Values of every type, and of every size that matters, where another was to stand. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<unknown>(
      ...[
        0,
        -1,
        1.5,
        1e300,
        true,
        false,
        '',
        ' ',
        'x',
        '\u0000',
        '\u202e',
        '__proto__',
        'constructor',
        '../x',
      ],
      ...[[], {}, [null], [[]], [{}], { a: null }, { type: 'object' }, { type: 'string' }, { type: null }],
      ...['x'.repeat(300), 'x__y', 'healthy__echo', '😀', '\ud800'],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(deep(60), deep(400), 'x'.repeat(20_000)) },
  { weight: 1, arbitrary: fc.jsonValue() },
)

type Fields = Readonly<Record<string, unknown>>

/** An object of which some members are not as they should be, or are not there. */
function spoiled(honest: Fields, more: readonly string[] = []): fc.Arbitrary<Fields> {
  const names = fc.constantFrom(...Object.keys(honest), ...more)
  const change = fc.tuple(names, fc.option(odd, { nil: undefined, freq: 5 }))
  return fc.array(change, { maxLength: 2 }).map((changes) => {
    const object: Record<string, unknown> = { ...honest }
    for (const [name, value] of changes) {
      if (value === undefined) delete object[name]
      else
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
    }
    return object
  })
}

const optional = ['title', 'description', 'annotations', 'icons', '_meta', 'mimeType', 'size', '__proto__']

const entries: Readonly<Record<string, readonly [string, fc.Arbitrary<Fields>]>> = {
  'tools/list': [
    'tools',
    spoiled({ name: 'echo', inputSchema: { type: 'object' } }, ['outputSchema', 'execution', ...optional]),
  ],
  'prompts/list': ['prompts', spoiled({ name: 'ask', arguments: [{ name: 'a' }] }, optional)],
  'resources/list': ['resources', spoiled({ name: 'one', uri: 'a:one' }, optional)],
  'resources/templates/list': ['resourceTemplates', spoiled({ name: 't', uriTemplate: 'a:{b}' }, optional)],
}

const content = spoiled({ type: 'text', text: 'liar' }, ['annotations', '_meta', 'resource', 'data'])

function resultOf(method: Method): fc.Arbitrary<unknown> {
  const stateless = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const listed = entries[method]
  if (listed !== undefined) {
    const [key, entry] = listed
    return fc.oneof(
      {
        weight: 8,
        arbitrary: fc
          .tuple(
            fc.array(fc.oneof({ weight: 6, arbitrary: entry }, odd), { maxLength: 4 }),
            spoiled(stateless),
          )
          .chain(([list, rest]) => spoiled({ ...rest, [key]: list }, ['nextCursor', '_meta'])),
      },
      { weight: 1, arbitrary: odd },
    )
  }
  const capabilities = { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} }
  const serverInfo = { name: 'liar', version: '1' }
  const honest: Readonly<Record<string, Fields>> = {
    'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: 'liar' } }] },
    'resources/read': { contents: [{ uri: 'a:one', text: 'liar' }] },
    'completion/complete': { completion: { values: ['a'] } },
    'logging/setLevel': {},
    initialize: { protocolVersion: '2025-11-25', capabilities, serverInfo },
    'server/discover': { supportedVersions: ['2026-07-28'], capabilities, serverInfo },
  }
  const asked = { resultType: 'input_required', inputRequests: { a: { method: 'roots/list', params: {} } } }
  return fc.oneof(
    { weight: 8, arbitrary: spoiled({ ...stateless, ...honest[method], content: [] }, ['isError', '_meta']) },
    {
      weight: method === 'tools/call' ? 8 : 1,
      arbitrary: fc
        .array(fc.oneof(content, odd), { maxLength: 3 })
        .chain((parts) =>
          spoiled({ ...stateless, content: parts }, ['isError', 'structuredContent', '_meta']),
        ),
    },
    { weight: 1, arbitrary: spoiled(asked, ['requestState']) },
    { weight: 1, arbitrary: odd },
  )
}

const error = fc.oneof(
  spoiled({ code: -32_603, message: 'told to fail' }, ['data']),
  fc.constantFrom(
    ...[-32_700, -32_600, -32_601, -32_602, -32_000, -32_001, -32_020, -32_021, -32_022, 1e20, 0.5].map(
      (code) => ({ code, message: 'Session not found' }),
    ),
  ),
)

/** What the answer claims to be the answer to. */
const id = fc.oneof(
  { weight: 8, arbitrary: fc.constant<unknown>('$ID') },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>('', null, 0, 1, 999, 1.5, 'other', '$ID$ID', {}, [], true),
  },
)

/** A member more, written into the text behind the brace, where no parser would let it stand twice. */
const doubled = fc.option(
  fc.constantFrom(
    ...[
      '"id":7,',
      '"jsonrpc":"1.0",',
      '"result":null,',
      '"error":{"code":1,"message":"x"},',
      '"method":"ping",',
    ],
    ...['"__proto__":{"id":7},', '"result":{"tools":[]},', '"n":1e999,', '"n":12345678901234567890,'],
  ),
  { nil: '', freq: 6 },
)

function answerTo(method: Method): fc.Arbitrary<string> {
  const bodies = fc.oneof(
    { weight: 6, arbitrary: fc.record({ result: resultOf(method) }) },
    { weight: 2, arbitrary: fc.record({ error }) },
    { weight: 2, arbitrary: fc.record({ error, result: odd }) },
    { weight: 2, arbitrary: fc.record({ error: odd, result: resultOf(method) }) },
    { weight: 1, arbitrary: fc.record({ method: odd, params: odd, result: odd }) },
  )
  return fc.tuple(id, bodies, doubled).chain(([own, body, more]) =>
    spoiled({ jsonrpc: '2.0', id: own, ...body }).map((message) => {
      const text = JSON.stringify(message)
      return `{${more}${text.slice(1)}`.replace(',}', '}')
    }),
  )
}

/** What a server may say on the way, and some of what it may not. */
const aside: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(
      ...['notifications/progress', 'notifications/message', 'notifications/cancelled', 'notifications/x'],
      ...['notifications/tools/list_changed', 'notifications/resources/updated', 'notifications/initialized'],
      ...[
        'notifications/elicitation/complete',
        'notifications/tasks/status',
        'notifications/roots/list_changed',
      ],
      ...['ping', 'sampling/createMessage', 'elicitation/create', 'roots/list', 'tools/call', 'x/y', ''],
    ),
    fc.option(fc.oneof(fc.constantFrom<unknown>(0, 1, 'a', '', '$ID', 1.5, 1e20), odd), { nil: undefined }),
    fc.option(
      fc.oneof(
        fc.constantFrom<unknown>({ progressToken: '$ID', progress: 1 }, { requestId: '$ID' }, { uri: 'a:b' }),
        odd,
      ),
      { nil: undefined },
    ),
  )
  .map(([method, own, params]) =>
    JSON.stringify({
      jsonrpc: '2.0',
      ...(own === undefined ? {} : { id: own }),
      method,
      ...(params === undefined ? {} : { params }),
    }),
  )

const rubbish = fc.constantFrom(
  ...[
    '',
    ' ',
    'null',
    '0',
    '"x"',
    '[]',
    '{}',
    '[[]]',
    '{',
    '}',
    '<html>',
    '{"jsonrpc":"2.0"',
    '\u0000',
    '\ufeff',
  ],
  ...[
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":"$ID"}',
    '{"error":"invalid_token"}',
    `${'['.repeat(5_000)}`,
  ],
)

const large = fc
  .constantFrom('result', 'content')
  .map((place) => `{"jsonrpc":"2.0","id":${ID},"result":{"${place}":"${'x'.repeat(300_000)}"}}`)

const lines = fc.array(
  fc.constantFrom(
    ...[': comment', 'id: 1', 'id: ', 'id: $ID', 'retry: 1', 'retry: x', 'event: message', 'event: other'],
    ...['event: ', 'data', 'data: ', 'unknown: x', '\u0000', ': healthy:1.2'],
  ),
  { maxLength: 2 },
)

const often = <T>(value: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constantFrom(...others) })

/** Lies about one method. */
export function lieAbout(method: Method): fc.Arbitrary<Lie> {
  const answer = answerTo(method)
  const messages = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.tuple(fc.array(aside, { maxLength: 2 }), answer).map(([before, it]) => [...before, it]),
    },
    { weight: 2, arbitrary: fc.array(fc.oneof(answer, aside), { maxLength: 4 }) },
    { weight: 2, arbitrary: fc.array(rubbish, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.tuple(answer, answer).map((both) => [`[${both.join(',')}]`]) },
    { weight: 1, arbitrary: fc.tuple(large) },
  )
  return fc.constantFrom<Form>('json', 'events').chain((form) =>
    fc.record<Lie>({
      status: often(
        200,
        201,
        202,
        204,
        301,
        400,
        401,
        403,
        404,
        405,
        409,
        410,
        418,
        429,
        500,
        501,
        502,
        503,
        522,
      ),
      type: often<string | null>(
        form === 'json' ? 'application/json' : 'text/event-stream',
        ...[
          'application/json; charset=utf-8',
          'Application/JSON',
          'text/event-stream;x=y',
          'text/html',
          'text/plain',
        ],
        ...['application/problem+json', '', null],
      ),
      form: fc.constant(form),
      end: often<End>(
        'whole',
        'cut',
        'reset',
        'proper',
        'cut',
        'reset',
        'proper',
        'cut',
        'reset',
        'proper',
        'hang',
      ),
      messages,
      lines,
    }),
  )
}
