/** docs/commands.md is what the program prints, and docs/cli.md leaves no command out. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commands, groups, nameOf } from '../../src/cli/commands.ts'
import { referencePage } from '../../src/cli/reference.ts'
import { gatehouse } from '../support/node/cli.ts'

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe('docs/commands.md', () => {
  test('is what the commands say of themselves: npm run docs:cli', () => {
    expect(page('commands.md')).toBe(referencePage())
  })

  test('has the help of every command and every group, to the letter', async () => {
    const text = page('commands.md')
    const called = [...groups.map((group) => `gatehouse ${group}`), ...commands.map(nameOf)]
    for (const name of called) {
      const { code, out, err } = await gatehouse([...name.split(' ').slice(1), '--help'])
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(text).toContain(`\n\`\`\`console\n$ ./${name} --help\n${out}\`\`\`\n`)
    }
    expect(text.match(/^\$ /gm)?.length).toBe(called.length)
  })
})

test('docs/cli.md has every command', () => {
  const text = page('cli.md')
  for (const { group, name } of commands) {
    const row = group === null ? null : text.split('\n').find((line) => line.startsWith(`| \`${group} `))
    const isInRow =
      row
        ?.split('`')[1]
        ?.split(/[ \\|]+/)
        .includes(name) ?? false
    const isSaid = new RegExp(`(\`|## |gatehouse )${group === null ? '' : `(${group} )?`}${name}\\b`).test(
      text,
    )
    expect(isInRow || isSaid, `${group ?? ''} ${name}`).toBe(true)
  }
})

test('every command of the program has examples that it understands', async () => {
  const send = async () => ({ ok: false, reason: 'nobody is there' }) as const
  const set: Record<string, string> = {
    GATEHOUSE_URL: 'https://gate.example',
    GATEHOUSE_TOKEN: 't',
    GATEHOUSE_TENANT: 'acme',
  }
  // Whatever variable an example names is set.
  const variables = new Proxy(set, { get: (known, name) => known[String(name)] ?? 'v' })
  const spoken = (text: string) => text.replaceAll('$TOKEN', 'gh_demo_agent_insecure-local-token')
  for (const { examples } of commands)
    for (const example of examples) {
      const [, line = ''] = /(?:^|\| |\()gatehouse ([^|<>)]*)/.exec(spoken(example)) ?? []
      const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
        ([, single, double, plain]) => single ?? double ?? plain ?? '',
      )
      const { err } = await gatehouse(words, {}, { variables, send, wait: async () => {} })
      expect(err, example).not.toMatch(/: found .*; allowed: .*\nTry: /)
    }
})
