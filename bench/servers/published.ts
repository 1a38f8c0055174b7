/** A dozen and more servers as people install them, from npm alone and without an account. */
import { fileURLToPath } from 'node:url'
import type { Call, PublishedServer } from './server.ts'

const OFFICIAL = '2026.8.31'
const everything = `@modelcontextprotocol/server-everything@${OFFICIAL}`
const filesystem = `@modelcontextprotocol/server-filesystem@${OFFICIAL}`
const memory = `@modelcontextprotocol/server-memory@${OFFICIAL}`
const thinking = `@modelcontextprotocol/server-sequential-thinking@${OFFICIAL}`
const scriptOf = (pack: string) => `${pack.slice(0, pack.lastIndexOf('@'))}/dist/index.js`

/** A server on standard input and output, behind supergateway. */
function behindSupergateway(name: string, pack: string, isStateful: boolean, calls: Call[]): PublishedServer {
  return {
    name,
    packages: [pack, 'supergateway@4.0.0'],
    path: '/mcp',
    command: (port, work, modules) => ({
      script: 'supergateway/dist/index.js',
      args: [
        ...['--stdio', `${process.execPath} ${modules}/${scriptOf(pack)} ${work}`],
        ...['--outputTransport', 'streamableHttp', '--port', String(port), '--logLevel', 'none'],
        ...(isStateful ? ['--stateful'] : []),
      ],
    }),
    calls,
  }
}

/** The same, behind mcp-proxy, which speaks both eras. `args` are the server's own; `{work}` stands for the folder. */
function behindMcpProxy(
  name: string,
  pack: string,
  args: readonly string[],
  calls: readonly Call[],
  script = scriptOf(pack),
): PublishedServer {
  return {
    name,
    packages: [pack, 'mcp-proxy@6.7.19'],
    path: '/mcp',
    command: (port, work, modules) => ({
      script: 'mcp-proxy/dist/bin/mcp-proxy.mjs',
      args: [
        ...['--host', '127.0.0.1', '--port', String(port), '--server', 'stream'],
        ...['--', process.execPath, `${modules}/${script}`],
        ...args.map((it) => it.replace('{work}', work)),
      ],
    }),
    calls,
  }
}

const files: Call[] = [
  { tool: 'list_allowed_directories', args: {} },
  { tool: 'read_text_file', args: { path: '{work}/hello.txt' } },
  { tool: 'read_text_file', args: { path: '/etc/hostname' } },
  { tool: 'list_directory', args: { path: '{work}' } },
]

export const published: readonly PublishedServer[] = [
  {
    name: 'everything',
    packages: [everything],
    path: '/mcp',
    command: () => ({ script: scriptOf(everything), args: ['streamableHttp'] }),
    env: (port) => ({ PORT: String(port) }),
    calls: [
      { tool: 'echo', args: { message: 'hello' } },
      { tool: 'get-sum', args: { a: 2, b: 40 } },
      { tool: 'get-sum', args: { a: 'two' } },
      { tool: 'get-structured-content', args: { location: 'Chicago' } },
      { tool: 'get-tiny-image', args: {} },
      { tool: 'get-annotated-message', args: { messageType: 'error', includeImage: false } },
    ],
  },
  {
    name: 'context7',
    packages: ['@upstash/context7-mcp@4.1.1'],
    path: '/mcp',
    command: (port) => ({
      script: '@upstash/context7-mcp/dist/index.js',
      args: ['--transport', 'http', '--port', String(port)],
    }),
    // What it answers comes from its own service; a call with nothing in it does not get so far.
    calls: [{ tool: 'resolve-library-id', args: {} }],
  },
  {
    name: 'playwright',
    packages: ['@playwright/mcp@0.0.83'],
    // It answers to the name of its host alone.
    host: 'localhost',
    path: '/mcp',
    command: (port) => ({
      script: '@playwright/mcp/cli.js',
      args: ['--headless', '--isolated', '--port', String(port), '--host', '127.0.0.1'],
    }),
    // Without a browser every call fails, in words that depend on how many failed before.
    calls: [{ tool: 'browser_close', args: {}, isVague: true }],
  },
  {
    name: 'chart',
    packages: ['@antv/mcp-server-chart@0.9.10'],
    path: '/mcp',
    command: (port) => ({
      script: '@antv/mcp-server-chart/build/index.js',
      args: ['--transport', 'streamable', '--host', '127.0.0.1', '--port', String(port)],
    }),
    // A chart is drawn by its own service; what is refused is refused before.
    calls: [{ tool: 'generate_pie_chart', args: { data: 'none' } }],
  },
  {
    name: 'mongodb',
    packages: ['mongodb-mcp-server@3.0.4'],
    path: '/mcp',
    command: (port) => ({
      script: 'mongodb-mcp-server/dist/esm/index.js',
      args: [
        '--transport',
        'http',
        '--httpHost',
        '127.0.0.1',
        '--httpPort',
        String(port),
        '--telemetry',
        'disabled',
      ],
    }),
    calls: [{ tool: 'list-databases', args: {} }],
  },
  {
    name: 'notion',
    packages: ['@notionhq/notion-mcp-server@2.5.2'],
    path: '/mcp',
    command: (port) => ({
      script: '@notionhq/notion-mcp-server/bin/cli.mjs',
      args: ['--transport', 'http', '--port', String(port), '--disable-auth'],
    }),
    env: () => ({ NOTION_TOKEN: 'ntn_lab' }),
    calls: [],
  },
  {
    name: 'fastmcp',
    packages: ['fastmcp@4.20.16', 'zod@4.6.7'],
    path: '/mcp',
    own: fileURLToPath(new URL('fastmcp-server.mjs', import.meta.url)),
    command: (port) => ({ script: 'fastmcp-server.mjs', args: [String(port)] }),
    calls: [
      { tool: 'add', args: { a: 2, b: 40 } },
      { tool: 'add', args: { a: 'two' } },
      { tool: 'fail', args: {} },
      { tool: 'several', args: {} },
    ],
  },
  behindSupergateway('files-stateful', filesystem, true, files),
  behindSupergateway('thinking', thinking, false, [
    {
      tool: 'sequentialthinking',
      args: { thought: 'One.', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
    },
  ]),
  behindMcpProxy('files', filesystem, ['{work}'], files),
  behindMcpProxy(
    'memory',
    memory,
    [],
    [
      { tool: 'read_graph', args: {} },
      { tool: 'search_nodes', args: { query: 'nobody' } },
      { tool: 'create_entities', args: { entities: 'none' } },
    ],
  ),
  behindMcpProxy(
    'everything-proxied',
    everything,
    ['stdio'],
    [
      { tool: 'echo', args: { message: 'hello' } },
      { tool: 'get-structured-content', args: { location: 'Chicago' } },
    ],
  ),
  behindMcpProxy(
    'eslint',
    '@eslint/mcp@0.3.13',
    [],
    [{ tool: 'lint-files', args: { filePaths: 'none' } }],
    '@eslint/mcp/src/mcp-cli.js',
  ),
  {
    name: 'brave',
    packages: ['@brave/brave-search-mcp-server@2.1.4'],
    path: '/mcp',
    command: (port) => ({
      script: '@brave/brave-search-mcp-server/dist/index.js',
      args: ['--transport', 'http', '--port', String(port), '--brave-api-key', 'lab'],
    }),
    // What it answers comes from its own service; what is refused is refused before.
    calls: [{ tool: 'brave_web_search', args: { query: 7 } }],
  },
  {
    name: 'circleci',
    packages: ['@circleci/mcp-server-circleci@0.20.0'],
    // Any token will do for what it does not ask its service.
    headers: { authorization: 'Bearer lab-circleci-token' },
    path: '/mcp',
    command: () => ({ script: '@circleci/mcp-server-circleci/dist/index.js', args: [] }),
    env: (port) => ({ start: 'remote', port: String(port), CIRCLECI_TOKEN: 'lab' }),
    calls: [],
  },
  {
    name: 'kubernetes',
    packages: ['mcp-server-kubernetes@4.1.7'],
    path: '/mcp',
    command: () => ({ script: 'mcp-server-kubernetes/dist/index.js', args: [] }),
    env: (port) => ({
      ENABLE_UNSAFE_STREAMABLE_HTTP_TRANSPORT: 'true',
      PORT: String(port),
      HOST: '127.0.0.1',
    }),
    calls: [{ tool: 'ping', args: {} }],
  },
]
