/** Every link of the documentation leads somewhere, and every `gatehouse` command in it is one that the program has. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { commands, everywhere, groups } from '../src/cli/commands.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['.', 'docs', 'docs/how-to', 'docs/decisions', 'bench', 'findings']
const pages = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
  .filter((path) => path.endsWith('.md'))
const textOf = (page: string) => readFileSync(page, 'utf8')
const FENCED = /^```[^\n]*\n[\s\S]*?^```$/gm

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(page: string): readonly string[] {
  const headings =
    textOf(page)
      .replace(FENCED, '')
      .match(/^#+ .*$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Targets of a page's links that lead to no file, or to no heading of one. */
function deadLinks(page: string): readonly string[] {
  const targets = [
    ...textOf(page)
      .replace(FENCED, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target]) => target ?? '')
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      if (!existsSync(file)) return true
      return anchor !== undefined && (statSync(file).isDirectory() || !anchorsOf(file).includes(anchor))
    })
}

/** What is wrong with the commands in a page's blocks of shell: no such command, or no such option of it. */
function wrongCommands(page: string): readonly string[] {
  const blocks = textOf(page).match(/^```(?:sh|console)\n[\s\S]*?^```$/gm) ?? []
  return blocks.flatMap((block) =>
    [...block.replaceAll('\\\n', ' ').matchAll(/\.\/gatehouse ([^\n|;)]*)/g)].flatMap(([line, text = '']) => {
      const words = text.split(/\s+#/)[0]?.split(/\s+/) ?? []
      // A placeholder, such as `policy COMMAND …`.
      if (words.includes('COMMAND') || words[0]?.startsWith('-')) return []
      const [first, second] = words
      if (second === '--help' && groups.includes(first ?? '')) return []
      const command =
        commands.find(({ group, name }) => group === first && name === second) ??
        commands.find(({ group, name }) => group === null && name === first)
      if (command === undefined) return [`${line}: no such command`]
      const names = [...command.options, ...everywhere].map(({ name }) => `--${name}`)
      const options = words.flatMap((word) => word.match(/^--[a-z-]+/) ?? [])
      return options.filter((it) => !names.includes(it)).map((it) => `${line}: no such option ${it}`)
    }),
  )
}

describe.each(pages.map((page) => [relative(root, page), page] as const))('%s', (_, page) => {
  test('links to what is there', () => {
    expect(deadLinks(page)).toEqual([])
  })

  test('has no command that the program lacks', () => {
    expect(wrongCommands(page)).toEqual([])
  })
})

test('the README links to the glossary and to every how-to', () => {
  const readme = textOf(join(root, 'README.md'))
  const howTos = pages.filter((page) => page.includes('how-to')).map((page) => relative(root, page))
  for (const page of ['docs/glossary.md', ...howTos]) expect(readme).toContain(`(${page})`)
})
