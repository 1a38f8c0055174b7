/** Answers that a gateway rarely gives. */
import { describe, expect, test } from 'vitest'
import type { HttpReply, HttpRequest } from '../../src/cli/kit/outcome.ts'
import { run } from '../../src/cli/run.ts'
import { gatehouse, worldOf } from '../support/node/cli.ts'

const variables = {
  GATEHOUSE_URL: 'https://gate.example',
  GATEHOUSE_TOKEN: 'secret-token',
  GATEHOUSE_TENANT: 'acme',
}

type Reply = string | Partial<Extract<HttpReply, { ok: true }>>

/** Gives these answers, one after the other; then nobody is there. */
function gateway(...replies: readonly Reply[]) {
  const requests: HttpRequest[] = []
  const waits: number[] = []
  const wait = async (ms: number) => {
    waits.push(ms)
  }
  const send = async (request: HttpRequest): Promise<HttpReply> => {
    const reply = replies[requests.length]
    requests.push(request)
    if (reply === undefined) return { ok: false, reason: 'nobody is there' }
    const given = typeof reply === 'string' ? { pieces: piecesOf(reply) } : reply
    return { ok: true, status: 200, header: () => null, pieces: piecesOf(''), ...given }
  }
  return { requests, waits, run: (line: string) => gatehouse(line.split(' '), {}, { variables, send, wait }) }
}

const unauthorized = (): Reply => ({ status: 401, pieces: piecesOf('{"title":"Unauthorized"}') })

async function* piecesOf(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts
}

async function* broken(text: string): AsyncGenerator<string> {
  yield text
  throw new Error('terminated')
}

describe('an answer', () => {
  test.each<[string, Reply, number, string]>([
    [
      'that is a page',
      '<html>',
      2,
      'no answer from https://gate.example: 200 with something that is no JSON object',
    ],
    [
      'that breaks off',
      { pieces: broken('{"items":') },
      2,
      'no answer from https://gate.example: the answer broke off',
    ],
    ['that leads elsewhere', { status: 302 }, 2, 'gatehouse grant list: 302'],
    ['of a proxy', { status: 502, pieces: piecesOf('Bad gateway') }, 2, 'gatehouse grant list: 502'],
    [
      'that refuses',
      { status: 404, pieces: piecesOf('{"title":"Not found","detail":"There is no tenant."}') },
      1,
      'gatehouse grant list: 404 Not found: There is no tenant.',
    ],
    [
      'with characters that steer a terminal',
      { status: 409, pieces: piecesOf('{"title":"\\u001b[2J","problems":["a\\nb"]}') },
      1,
      'gatehouse grant list: 409 \\u001b[2J: a\\u000ab',
    ],
  ])('%s', async (_, reply, code, said) => {
    const { run } = gateway(reply)
    const result = await run('grant list')
    expect(result).toMatchObject({ code, out: '' })
    expect(result.err.trimEnd()).toContain(said)
  })

  test('in pages is asked for to its end', async () => {
    const { run, requests } = gateway(
      '{"items":[{"name":"a"}],"next":"a"}',
      '{"items":[],"next":"m"}',
      '{"items":[{"name":"z"}],"next":null}',
    )
    expect((await run('grant list')).out.trimEnd().split('\n')).toHaveLength(3)
    expect(requests.map(({ url }) => new URL(url).searchParams.get('after'))).toEqual([null, 'a', 'm'])
  })
})

describe('a service token of Cloudflare Access', () => {
  const access = { CF_ACCESS_CLIENT_ID: 'id-4711.access', CF_ACCESS_CLIENT_SECRET: 'secret-4711' }
  const asked = async (line: string, more: Readonly<Record<string, string>>, status = 200) => {
    const requests: HttpRequest[] = []
    const send = async (request: HttpRequest): Promise<HttpReply> => {
      requests.push(request)
      return { ok: true, status, header: () => null, pieces: piecesOf('{"items":[],"next":null}') }
    }
    const files = { 't/grants/bot.yaml': '{}', 'p.json': '{"version":"1"}' }
    const printed = await gatehouse(line.split(' '), files, { variables: { ...variables, ...more }, send })
    expect(printed.out + printed.err).not.toMatch(/-4711/)
    return { ...printed, sent: requests.map(({ headers }) => headers) }
  }
  const both = { 'cf-access-client-id': 'id-4711.access', 'cf-access-client-secret': 'secret-4711' }

  test.each(['grant list', 'apply t --yes', 'policy diff @p p.json', 'tenant list', 'audit export'])(
    'goes with every request of %s',
    async (line) => {
      const { sent } = await asked(line, access)
      expect(sent.length).toBeGreaterThan(0)
      for (const headers of sent)
        expect(headers).toMatchObject({ ...both, authorization: 'Bearer secret-token' })
      expect((await asked('grant list --json', access, 403)).code).toBe(2)
    },
  )

  test('does not, where there is none', async () => {
    const { sent } = await asked('grant list', {})
    expect(Object.keys(sent[0] ?? {})).toEqual(['authorization'])
  })

  test.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'half of it',
      { CF_ACCESS_CLIENT_ID: 'id-4711' },
      'found no CF_ACCESS_CLIENT_SECRET; allowed: CF_ACCESS_CLIENT_ID and',
    ],
    [
      'the other half',
      { CF_ACCESS_CLIENT_SECRET: 'x-4711' },
      'found no CF_ACCESS_CLIENT_ID; allowed: CF_ACCESS_CLIENT_ID and',
    ],
    [
      'a line break',
      { ...access, CF_ACCESS_CLIENT_SECRET: 'x-4711\ny' },
      'found CF_ACCESS_CLIENT_ID or CF_ACCESS_CLIENT_SECRET with',
    ],
    ['the clear', { ...access, GATEHOUSE_URL: 'http://gate.example' }, 'found another URL'],
  ])('is not sent with %s', async (_, more, said) => {
    const { code, err, sent } = await asked('grant list', more)
    expect([code, sent]).toEqual([2, []])
    expect(err).toContain(said)
  })

  test('on this machine needs no encryption', async () => {
    const { sent } = await asked('grant list', { ...access, GATEHOUSE_URL: 'http://127.0.0.1:8787' })
    expect(sent).toMatchObject([both])
  })
})

describe('a change that has not come to all grants yet', () => {
  const suspended = '{"suspended_at":"t","warnings":[],"told":1800,"pending":200}'

  test('says so', async () => {
    const { run, requests } = gateway(suspended)
    const { code, out, err } = await run('tenant suspend acme')
    expect([code, out]).toEqual([0, 'tenant acme suspended\n'])
    expect(err).toContain('warning: 200 of 2000 grants could not be told yet')
    expect(requests).toHaveLength(1)
  })

  test('is waited for with --wait', async () => {
    const { run, requests } = gateway(suspended, '{"pending":40}', '{"pending":0}')
    const { code, out, err } = await run('tenant suspend acme --wait')
    expect([code, out]).toEqual([0, 'tenant acme suspended\n'])
    expect(err).toMatch(/^warning: 200 of 2000 grants could not be told yet.*\nall 2000 grants go by it\n$/)
    expect(requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      'POST /api/v1/tenants/acme/suspend',
      'GET /api/v1/tenants/acme',
      'GET /api/v1/tenants/acme',
    ])
  })

  const falling = Array.from({ length: 700 }, (_, i) => `{"pending":${900 - i}}`)
  test.each<[string, readonly string[], number, number]>([
    ['for ten minutes', falling, 600, 301],
    ['while fewer are left now and then', falling.flatMap((it) => Array(110).fill(it)), 600, 895],
    [
      'for two minutes in which none is told',
      [...falling.slice(0, 50), ...Array(700).fill('{"pending":851}')],
      170,
      851,
    ],
    [
      'whatever else changes meanwhile',
      Array.from({ length: 700 }, (_, i) => `{"pending":${1 + (i % 2)}}`),
      121,
      1,
    ],
  ])('%s', async (_, answers, polls, left) => {
    const { run, requests } = gateway(suspended, ...answers)
    const { code, err } = await run('tenant suspend acme --wait')
    expect([code, requests.length]).toEqual([1, 1 + polls])
    const said = `: ${left} grants of the tenant could not be told yet, of this change or of another; they will be`
    expect(err).toContain(said)
  })

  test('and of which nothing is heard any more is no success', async () => {
    const { run } = gateway(suspended, '{"pending":1}')
    const { code, out, err } = await run('tenant suspend acme --wait')
    expect([code, out]).toEqual([1, 'tenant acme suspended\n'])
    expect(err).toContain('no answer from https://gate.example: nobody is there\n')
    expect(err).toMatch(/: it is done, but whether all 2000 grants go by it could not be learnt\n$/)
  })

  const rotated = '{"token":"gh_acme_bot_x","warnings":[],"pending":1}'
  const failing: readonly Reply[] = [
    { status: 401, pieces: piecesOf('{}') },
    { status: 503, pieces: piecesOf('busy') },
    { pieces: broken('{"pend') },
    '<html>',
    '[]',
    '{}',
  ]

  test('is waited for on and on, whatever fails meanwhile', async () => {
    const { run, requests } = gateway(rotated, ...failing, '{"pending":0}')
    const { code, out, err } = await run('grant rotate bot --wait')
    expect([code, out]).toEqual([0, 'grant bot rotated\ntoken: gh_acme_bot_x\n'])
    expect(err).toMatch(/\nall grants go by it\n$/)
    expect(requests).toHaveLength(8)
    // Whoever does not answer does not hold it up for ever.
    expect(requests.map(({ timeoutMs }) => timeoutMs)).toEqual([undefined, ...Array(7).fill(10_000)])
  })

  test.each(['', ' --json'])('has its token printed before it is waited for%s', async (json) => {
    const requests: string[] = []
    const world = worldOf(
      {},
      {
        variables,
        send: async ({ method }) => {
          requests.push(method)
          if (method === 'GET') return { ok: false, reason: 'nobody is there' }
          return { ok: true, status: 201, header: () => null, pieces: piecesOf(rotated) }
        },
      },
    )
    const printed = await run(`grant rotate bot --wait${json}`.split(' '), world)
    expect(printed).toMatchObject({ code: 0, out: expect.stringContaining('gh_acme_bot_x') })
    if (json !== '') expect(JSON.parse(printed.out)).toMatchObject({ pending: 1 })
    expect(requests).toEqual(['POST'])
    const late = await printed.waits?.()
    expect(late).toMatchObject({ code: 1, err: expect.stringContaining('could not be learnt') })
    expect(late?.err).not.toContain('gh_acme_bot_x')
  })

  test('is done when it is told, where all have it', async () => {
    const { run, requests } = gateway('{"warnings":[],"told":3,"pending":0}')
    expect((await run('tenant suspend acme --wait')).code).toBe(0)
    expect(requests).toHaveLength(1)
  })
})

describe('a folder that is applied', () => {
  /** A tenant with the grant "old", whose principal does not answer; the grant "new" is made. */
  function tenant(pending: number) {
    const answers: Readonly<Record<string, string>> = {
      'GET ': `{"pending":${pending}}`,
      'GET /grants': '{"items":[{"name":"old"}],"next":null}',
      'GET /grants/old': '{"name":"old"}',
      'PUT /grants/new': '{"token":"gh_acme_new_x","warnings":[],"pending":0}',
      'DELETE /grants/old': '{"told":0,"pending":1}',
    }
    const send = async ({ method, url }: HttpRequest): Promise<HttpReply> => {
      const path = new URL(url).pathname.replace('/api/v1/tenants/acme', '')
      const text = answers[`${method} ${path}`] ?? '{"items":[],"next":null}'
      return { ok: true, status: 200, header: () => '"1"', pieces: piecesOf(text) }
    }
    return (line: string) => gatehouse(line.split(' '), { 't/grants/new.yaml': '{}' }, { variables, send })
  }
  const untold =
    'warning: grant old: 1 of 1 grants could not be told yet, and will be as soon as they can be\n'

  test('says what has not come to a grant yet', async () => {
    const { code, out, err } = await tenant(1)('apply t --prune --yes')
    expect([code, err]).toEqual([0, untold])
    expect(out).toMatch(/\ndeleted grant old\n$/)
    const json = await tenant(1)('apply t --prune --yes --json')
    expect(JSON.parse(json.out)).toMatchObject({ done: 2, pending: 1, warnings: [untold.trimEnd()] })
  })

  test('waits for it with --wait', async () => {
    const told = await tenant(0)('apply t --prune --yes --wait')
    expect([told.code, told.err]).toEqual([0, `${untold}all grants go by it\n`])
    const dead = await tenant(1)('apply t --prune --yes --wait --json')
    expect(dead.code).toBe(1)
    expect(dead.err).toMatch(/^gatehouse apply: 1 grants of the tenant could not be told yet, /)
    expect(JSON.parse(dead.out)).toMatchObject({ tokens: { new: 'gh_acme_new_x' }, pending: 1 })
  })
})

describe('the audit trail', () => {
  test('says up to when it is complete', async () => {
    const until = '2030-01-01T12:00:00.000Z'
    const page = (next: string | null, more: object) =>
      JSON.stringify({ items: [{ at: 't', grant: 'bot' }], next, ...more })
    const pages = [page('x', { complete_until: until }), page(null, {})]
    const { code, out, err } = await gateway(...pages).run('audit query')
    expect([code, out.trimEnd().split('\n').length]).toEqual([0, 3])
    expect(err).toBe(`complete until ${until}: what came later may be missing still\n`)
    const json = await gateway(...pages).run('audit query --json')
    expect(JSON.parse(json.out)).toEqual({
      items: Array(2).fill({ at: 't', grant: 'bot' }),
      complete_until: until,
    })
    const many = '{"items":[],"next":null,"complete_until":null}'
    expect(await gateway(many).run('audit query')).toEqual({
      code: 0,
      out: 'none\n',
      err: 'up to when this is complete, the gateway cannot say; of one grant (--grant) it can\n',
    })
  })

  test('is followed on from the last row that came', async () => {
    const { run, requests } = gateway(
      { pieces: piecesOf('id: 7\ndata: {"at":"t1","grant":"bot","tool":"pa', 'y"}\n\n: quiet\n\n') },
      { pieces: piecesOf('id: 9\r\ndata: {"at":"t2","grant":"bot","tool":"refund"}\r\n\r\n') },
      unauthorized(),
    )
    const { code, out, err } = await run('audit tail --tool pay')
    expect(out).toBe('t1  bot  —  —  pay  —  —  —  —\nt2  bot  —  —  refund  —  —  —  —\n')
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7', '9'])
    expect(requests.every(({ url }) => url.endsWith('/audit/tail?tool=pay'))).toBe(true)
    expect({ code, err }).toEqual({ code: 2, err: 'gatehouse audit tail: 401 Unauthorized\n' })
  })

  test('is followed on whatever breaks, with a growing pause, and each row once', async () => {
    const row = (seq: number, chain = 'c') =>
      `data: {"at":"t${seq}","grant":"bot","chain":"${chain}","seq":${seq}}\n\n`
    const { run, requests, waits } = gateway(
      { pieces: broken(`id: 7\n\n${row(1)}${row(2)}data: {"at":"t3",`) },
      { status: 503, pieces: piecesOf('busy') },
      { status: 429, pieces: piecesOf('{}') },
      { pieces: broken('') },
      '<html>',
      { pieces: piecesOf(`id: 8\n\n${row(2)}${row(3)}${row(3, 'd')}data: {"at"`) },
      { pieces: piecesOf('id: 9\n\nevent: end\ndata: {}\n\n') },
      { status: 404, pieces: piecesOf('{"title":"Not found"}') },
    )
    const { code, out, err } = await run('audit tail')
    expect(code).toBe(1)
    expect(out.split('\n').map((line) => line.slice(0, 2))).toEqual(['t1', 't2', 't3', 't3', ''])
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      ...Array(5).fill('7'),
      '8',
      '9',
    ])
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 1_000, 1_000])
    expect(err.split('\n')).toEqual([
      'gatehouse audit tail: no answer from https://gate.example: the answer broke off; again in 1 s',
      'gatehouse audit tail: 503; again in 2 s',
      'gatehouse audit tail: 429; again in 4 s',
      'gatehouse audit tail: no answer from https://gate.example: the answer broke off; again in 8 s',
      'gatehouse audit tail: 404 Not found',
      '',
    ])
  })

  test.each<[string, Reply[]]>([
    ['nobody answers', []],
    ['the database is not there', [{ status: 503, pieces: piecesOf('{}') }]],
    ['what it asks for cannot be meant', ['id: 7\n\n', { status: 400, pieces: piecesOf('{}') }]],
    ['it may not', ['id: 7\n\n', { status: 403, pieces: piecesOf('{}') }]],
  ])('is not followed where %s', async (_, replies) => {
    const { run, requests } = gateway(...replies)
    expect((await run('audit tail')).code).toBeGreaterThan(0)
    expect(requests).toHaveLength(Math.max(1, replies.length))
  })

  test('is followed in JSON, a row a line', async () => {
    const { run } = gateway({ pieces: piecesOf('id: 7\ndata: {"at":"t1"}\n\n') }, unauthorized())
    const { out, err } = await run('audit tail --json')
    expect(out).toBe('{"at":"t1"}\n')
    // Why it ended is no row.
    expect(JSON.parse(err)).toMatchObject({ errors: [expect.anything()] })
  })

  test('is exported in several requests, and says at its end that it is whole', async () => {
    const { run, requests } = gateway(
      '{"seq":1}\n{"end":true,"rows":1,"next":"5","last":"5"}\n',
      '{"seq":2}\n{"end":true,"rows":1,"next":null,"last":"6"}\n',
    )
    const { code, out } = await run('audit export --tool pay')
    expect({ code, out }).toEqual({
      code: 0,
      out: '{"seq":1}\n{"seq":2}\n{"end":true,"rows":1,"next":null,"last":"6"}\n',
    })
    expect(requests.map(({ url }) => new URL(url).searchParams.get('after'))).toEqual([null, '5'])
  })

  test.each([
    ['ends early', piecesOf('{"seq":1}\n')],
    ['breaks off', broken('{"seq":1}\n')],
  ])('an export that %s is not taken for whole', async (_, pieces) => {
    const { run } = gateway({ pieces })
    const { code, err } = await run('audit export')
    expect(code).toBe(2)
    expect(err).toMatch(/not whole|broke off/)
  })

  test('is verified piece by piece', async () => {
    const piece = (rows: number, next: string | null, findings: unknown[] = []) =>
      JSON.stringify({ intact: findings.length === 0, rows, logs: 1, findings, next })
    const finding = { grant: 'bot', chain: 'c', seq: 3, problem: 'missing' }
    const { run, requests } = gateway(piece(5, 'x'), piece(7, null, [finding]))
    expect(await run('audit verify')).toEqual({
      code: 1,
      out: 'missing: grant bot, chain c, row 3\nNOT intact: 12 rows of 2 logs\n',
      err: '',
    })
    expect(requests.map(({ body }) => body)).toEqual(['{}', '{"after":"x"}'])
  })
})

test.each([
  [true, 0],
  [false, 1],
])('a scan that is ok: %s ends with exit code %i', async (ok, code) => {
  const { run } = gateway(JSON.stringify({ scan: { ok }, tools: [], drift_total: 0 }))
  expect(await run('server scan crm')).toMatchObject({ code, out: expect.stringContaining(`ok: ${ok}`) })
})

test('secrets are sealed anew until nothing is left but what is stuck', async () => {
  const round = (resealed: number, left: number, stuck = 0, unknown = 0) =>
    JSON.stringify({ key: 'k2', resealed, left, stuck, pending: 0, unknown })
  const { run } = gateway(round(20, 5), round(4, 1, 1))
  expect(await run('secret rotate')).toEqual({
    code: 1,
    out: 'sealed anew with k2: 24; left: 1\n1 of them no key opens: put the key back, or write them again; store tokens and kept answers end by themselves\nnothing else of this tenant needs another key than k2\n',
    err: '',
  })
  const { run: again } = gateway(round(0, 0, 0, 2))
  expect(await again('secret rotate')).toEqual({
    code: 1,
    out: 'sealed anew with k2: 0; left: 0\n2 grants could not be asked what they hold: keep the old key until they can\n',
    err: '',
  })
})

describe('a new grant', () => {
  const issued = (servers: unknown, native_servers = {}) =>
    JSON.stringify({ token: 'gh_acme_bot_x', servers, native_servers, warnings: [], pending: 0 })

  test.each([
    ['grant issue bot', issued('*'), 'every upstream server of the tenant (--servers was not given)'],
    [
      'grant issue bot',
      issued('*', { session: 'on', legiti: 'off' }),
      'every upstream server of the tenant, session, legiti (off) (--servers was not given)',
    ],
    ['grant issue bot --servers *', issued('*'), 'every upstream server of the tenant'],
    [
      'grant issue bot --servers *,session',
      issued(['*', 'session'], { session: 'on' }),
      'every upstream server of the tenant, session',
    ],
    [
      'grant issue bot --servers crm,erp,legiti',
      issued(['crm', 'erp', 'legiti'], { legiti: 'off' }),
      'crm, erp, legiti (off)',
    ],
    ['grant issue bot --servers=', issued([]), 'nothing'],
  ])('says what it reaches: %s', async (line, answer, reaches) => {
    expect(await gateway({ status: 201, pieces: piecesOf(answer) }).run(line)).toMatchObject({
      code: 0,
      out: `grant bot made\nreaches: ${reaches}\ntoken: gh_acme_bot_x\n`,
    })
  })
})
