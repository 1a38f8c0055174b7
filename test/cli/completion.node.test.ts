/** Completion in a real bash; zsh and fish where the machine has them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands, nameOf } from '../../src/cli/commands.ts'
import { gatehouse } from '../support/node/cli.ts'

const has = (program: string) => spawnSync(program, ['--version']).status === 0

let folder: string
const scriptOf = (shell: string) => join(folder, `completion.${shell}`)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-completion-'))
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, out } = await gatehouse(['completion', shell])
    expect(code).toBe(0)
    writeFileSync(scriptOf(shell), out)
  }
  writeFileSync(join(folder, 'server.yaml'), '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Completions of the last of these words in bash. */
function inBash(...words: string[]): string[] {
  const script = `source ${scriptOf('bash')}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gatehouse
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const printed = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return printed.split('\n').filter((line) => line !== '')
}

describe.skipIf(!has('bash'))('bash', () => {
  test('completes groups, commands and options', () => {
    expect(inBash('gatehouse', 'pol')).toEqual(['policy'])
    expect(inBash('gatehouse', 'policy', 'va')).toEqual(['validate'])
    expect(inBash('gatehouse', 'policy', 'push', '--y')).toEqual(['--yes'])
    expect(inBash('gatehouse', 'whoami', '--ten')).toEqual(['--tenant'])
    expect(inBash('gatehouse', 'nothing', '--x')).toEqual([])
  })

  test('knows every command and every option', () => {
    for (const command of commands) {
      const words = nameOf(command).split(' ')
      expect(inBash(...words), words.join(' ')).toContain(words.at(-1))
      const given = inBash(...words, '--')
      expect(given.toSorted()).toEqual(
        [...command.options.map(({ name }) => `--${name}`), '--json', '--help'].toSorted(),
      )
    }
  })

  test('completes files where files are wanted, and nothing in place of a value', () => {
    expect(inBash('gatehouse', 'policy', 'validate', 'ser')).toEqual(['server.yaml'])
    expect(inBash('gatehouse', 'server', 'add', 'crm', '--file', 'ser')).toEqual(['server.yaml'])
    expect(inBash('gatehouse', 'server', 'add', 'crm', '--at', 'ser')).toEqual([])
  })
})

describe.skipIf(!has('fish'))('fish', () => {
  const inFish = (line: string) =>
    execFileSync('fish', ['--no-config', '-c', `source ${scriptOf('fish')}; complete -C "${line}"`], {
      cwd: folder,
      encoding: 'utf8',
    })
      .split('\n')
      .map((one) => one.split('\t')[0])
      .filter((one) => one !== '')

  test('completes groups, commands and options', () => {
    expect(inFish('gatehouse pol')).toEqual(['policy'])
    expect(inFish('gatehouse policy va')).toEqual(['validate'])
    expect(inFish('gatehouse policy push --y')).toEqual(['--yes'])
    expect(inFish('gatehouse whoami --ten')).toEqual(['--tenant'])
  })
})

describe.skipIf(!has('zsh'))('zsh', () => {
  test('accepts the script', () => {
    expect(spawnSync('zsh', ['-n', scriptOf('zsh')]).status).toBe(0)
  })
})

test('a shell that is not known is refused with those that are', async () => {
  expect(await gatehouse(['completion', 'fsh'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('allowed: bash, zsh, fish; did you mean "fish"?'),
  })
})
