/** Completion in a real bash; zsh and fish where the machine has them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
  writeFileSync(join(folder, 'my policy *.yaml'), '')
  mkdirSync(join(folder, 'policy'))
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
    expect(inBash('gatehouse', 'server', 'add', 'crm', '--file', '=', 'ser')).toEqual(['server.yaml'])
    expect(inBash('gatehouse', 'server', 'add', 'crm', '--at', '=', 'ser')).toEqual([])
    // Behind a switch as well; a name that only the gateway knows is no file.
    expect(inBash('gatehouse', 'policy', 'push', '--yes', 'ser')).toEqual(['server.yaml'])
    expect(inBash('gatehouse', 'grant', 'show', 'ser')).toEqual([])
  })

  test('takes the name of a file for one word, whatever is in it', () => {
    expect(inBash('gatehouse', 'policy', 'validate', 'my')).toEqual(['my policy *.yaml'])
  })

  test('completes values where there are few, of every option and operand that says so', () => {
    expect(inBash('gatehouse', 'audit', 'query', '--decision', 'd')).toEqual(['deny'])
    expect(inBash('gatehouse', 'audit', 'query', '--decision', '=')).toContain('allow')
    expect(inBash('gatehouse', 'connect', 'claude-c')).toEqual(['claude-code'])
    for (const command of commands) {
      const words = nameOf(command).split(' ')
      for (const { name, values } of command.options)
        if (values !== undefined)
          expect(inBash(...words, `--${name}`, '').toSorted()).toEqual(values.toSorted())
      const { values } = command.operands
      if (values !== undefined) expect(inBash(...words, '').toSorted()).toEqual(values.toSorted())
    }
  })

  test.skipIf(!has('script'))('does so at a terminal, as it is typed', () => {
    // What is typed waits in the terminal until it is read, so nothing has to be waited for.
    const typed = [
      `source ${scriptOf('bash')}; gatehouse() { printf '<%s>' "$@"; echo; }`,
      'gatehouse pol\tval\tser\t',
      'gatehouse policy push readers my\t--ye\t',
      'gatehouse audit query --decision=den\t',
      'exit',
    ]
    const printed = execFileSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      cwd: folder,
      encoding: 'utf8',
      input: typed.map((line) => `${line}\n`).join(''),
      env: { ...process.env, TERM: 'dumb', PS1: '$ ' },
    })
    expect(printed).toContain('<policy><validate><server.yaml>')
    expect(printed).toContain('<policy><push><readers><my policy *.yaml><--yes>')
    expect(printed).toContain('<audit><query><--decision=deny>')
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
    expect(inFish('gatehouse audit query --decision d')).toEqual(['deny'])
    expect(inFish('gatehouse connect claude-c')).toEqual(['claude-code'])
  })
})

describe.skipIf(!has('zsh'))('zsh', () => {
  test('accepts the script', () => {
    expect(spawnSync('zsh', ['-n', scriptOf('zsh')]).status).toBe(0)
  })

  /** What is offered for the last of these words, of which so much is typed. */
  const inZsh = (typed: string, ...words: string[]) => {
    const script = `compdef() {}; source ${scriptOf('zsh')}
      compadd() { shift; print -l -- "$@" }; _files() { print files }
      words=("$@"); CURRENT=$#; PREFIX='${typed}'; _gatehouse`
    const printed = execFileSync('zsh', ['-fc', script, 'zsh', ...words], { encoding: 'utf8' })
    return printed.split('\n').filter((line) => line !== '')
  }

  test('offers commands, options, values and files', () => {
    expect(inZsh('', 'gatehouse', 'policy', '')).toContain('validate')
    expect(inZsh('--', 'gatehouse', 'policy', 'push', '--')).toContain('--yes')
    expect(inZsh('', 'gatehouse', 'audit', 'query', '--kind', '')).toEqual(['decision', 'session', 'change'])
    expect(inZsh('', 'gatehouse', 'completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(inZsh('', 'gatehouse', 'policy', 'validate', '')).toEqual(['files'])
    expect(inZsh('', 'gatehouse', 'server', 'add', 'crm', '--file', '')).toEqual(['files'])
    expect(inZsh('', 'gatehouse', 'server', 'add', 'crm', '--at', '')).toEqual([])
  })
})

test('a shell that is not known is refused with those that are', async () => {
  expect(await gatehouse(['completion', 'fsh'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('allowed: bash, zsh, fish; did you mean "fish"?'),
  })
})
