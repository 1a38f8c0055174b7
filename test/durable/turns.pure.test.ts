/** Rounds let in what has come meanwhile, and end where they should. */
import { expect, test } from 'vitest'
import { inTurns } from '../../src/durable/turns.ts'

/** Rounds that have work for so many, and write down that they ran. */
function rounds(of: number, said: string[]): () => Promise<boolean> {
  let done = 0
  return async () => {
    done += 1
    said.push(`round ${done}`)
    return done < of
  }
}

test('whatever has come meanwhile goes between two rounds', async () => {
  const said: string[] = []
  const running = inTurns(rounds(3, said))
  for (let i = 1; i <= 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 0))
    said.push(`call ${i}`)
  }
  expect(await running).toBe(false)
  expect(said.slice(0, 2)).toEqual(['round 1', 'call 1'])
  expect(said.filter((it) => it.startsWith('round'))).toEqual(['round 1', 'round 2', 'round 3'])
})

test('a single round costs no turn', async () => {
  const said: string[] = []
  setTimeout(() => said.push('call'), 0)
  expect(await inTurns(rounds(1, said))).toBe(false)
  expect(said).toEqual(['round 1'])
})

test('after so many rounds the rest is left', async () => {
  const said: string[] = []
  const round = rounds(5, said)
  expect(await inTurns(round, 2)).toBe(true)
  expect(await inTurns(round, 2)).toBe(true)
  expect(await inTurns(round, 2)).toBe(false)
  expect(said).toHaveLength(5)
})

test('without a number it ends by itself', async () => {
  let done = 0
  expect(
    await inTurns(() => {
      done += 1
      return true
    }),
  ).toBe(true)
  expect(done).toBe(100)
})

test('a round that fails ends the run, and the caller hears of it', async () => {
  let done = 0
  const run = inTurns(async () => {
    done += 1
    if (done === 2) throw new Error('the disk is full')
    return true
  })
  await expect(run).rejects.toThrow('the disk is full')
  expect(done).toBe(2)
})
