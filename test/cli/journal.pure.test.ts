/** What a run of apply leaves beside the files, and what it takes away of runs that died. */
import { expect, test } from 'vitest'
import { openJournal } from '../../src/cli/apply/journal.ts'
import type { World } from '../../src/cli/kit/outcome.ts'

const request = { kind: 'grant', name: 'bot', key: 'k1', body: {}, reason: null } as const

/** A folder in memory. */
function folder(names: readonly string[]) {
  const files = new Map(names.map((name) => [`t/.gatehouse/${name}`, 'half of']))
  const world = {
    list: async (of: string) => [...files.keys()].map((file) => file.slice(of.length + 1)),
    read: async (file: string) => {
      const text = files.get(file)
      return text === undefined
        ? { ok: false, reason: 'absent' }
        : { ok: true, bytes: new TextEncoder().encode(text) }
    },
    write: async (file: string, text: string | null) => {
      if (text === null) files.delete(file)
      else files.set(file, text)
      return null
    },
  } as unknown as World
  return {
    files,
    open: () => openJournal({ folder: 't', origin: 'https://gate.example.com', tenant: 'acme' }, world),
  }
}

test('a file that a run died over goes with the next run that ends', async () => {
  const { files, open } = folder([
    'gate.example.com_acme~grant~bot~k0.json.new',
    'gate.example.com_other~grant~bot~k0.json.new',
  ])
  const journal = await open()
  expect(journal.left).toEqual([])
  await journal.begin(request)
  // Another run's, begun since.
  files.set('t/.gatehouse/gate.example.com_acme~grant~ops~k2.json.new', 'half of')
  journal.settle('grant', 'bot')
  await journal.end()
  expect([...files.keys()]).toEqual([
    't/.gatehouse/gate.example.com_other~grant~bot~k0.json.new',
    't/.gatehouse/gate.example.com_acme~grant~ops~k2.json.new',
  ])
})

test('what was begun and is not settled stays for the next run', async () => {
  const { open } = folder([])
  const journal = await open()
  await journal.begin(request)
  await journal.end()
  expect((await open()).left).toEqual([request])
})
