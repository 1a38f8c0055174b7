import { describe, expect, inject, test } from 'vitest'
import { BodyPieces } from '../../src/upstream/body-pieces.ts'

const KB = 1_024

/** A body that brings so many bytes at each read, or as many as there is room for; `rooms` is what room there was. */
function bodyOf(bring: readonly number[]) {
  const rooms: number[] = []
  const waiting = [...bring]
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller: ReadableByteStreamController) {
      const request = controller.byobRequest
      const view = request?.view as Uint8Array
      const bytes = waiting.shift()
      if (bytes === undefined) {
        controller.close()
        request?.respond(0)
        return
      }
      rooms.push(view.byteLength)
      const most = Math.min(bytes, view.byteLength)
      view.fill(0x78, 0, most)
      request?.respond(most)
    },
  })
  return { body, rooms }
}

async function all(pieces: BodyPieces): Promise<Uint8Array[]> {
  const read: Uint8Array[] = []
  for (let piece = await pieces.next(); piece !== null; piece = await pieces.next()) read.push(piece)
  return read
}

describe('the pieces of a body', () => {
  test('become larger while they fill what room there is, and small again once one does not', async () => {
    const { body, rooms } = bodyOf([...Array<number>(6).fill(Infinity), 100, Infinity, Infinity])
    const read = await all(new BodyPieces(body))
    expect(rooms).toEqual([4, 8, 16, 32, 64, 64, 64, 4, 8].map((it) => it * KB))
    expect(read.map(({ byteLength }) => byteLength)).toEqual(
      [4, 8, 16, 32, 64, 64].map((it) => it * KB).concat(100, 4 * KB, 8 * KB),
    )
  })

  test('hold no more memory than twice what they bring, however little that is', async () => {
    const { body } = bodyOf([1, 2_047, 2_048, 3_000, Infinity, 1])
    for (const piece of await all(new BodyPieces(body)))
      expect(piece.buffer.byteLength).toBeLessThanOrEqual(2 * piece.byteLength)
  })

  test('are all that a server sends', async () => {
    const response = await fetch(`${inject('otherSide')}/large`)
    const read = await all(new BodyPieces(response.body as ReadableStream<Uint8Array>))
    const text = new TextDecoder().decode(await new Blob(read).arrayBuffer())
    expect(text).toBe(JSON.stringify('x'.repeat(2 * KB * KB)))
  })

  test('come also from a stream that is not one of bytes', async () => {
    const given = [Uint8Array.of(1), Uint8Array.of(2, 3)]
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of given) controller.enqueue(piece)
        controller.close()
      },
    })
    expect(await all(new BodyPieces(body))).toEqual(given)
  })

  test.each(['before anything is read', 'after a piece'])('end when they are cancelled: %s', async (when) => {
    let isCancelled = false
    const body = new ReadableStream({
      type: 'bytes',
      pull: (controller: ReadableByteStreamController) => controller.enqueue(Uint8Array.of(1)),
      cancel: () => {
        isCancelled = true
      },
    })
    const pieces = new BodyPieces(body)
    if (when === 'after a piece') expect(await pieces.next()).toEqual(Uint8Array.of(1))
    await pieces.cancel()
    expect(isCancelled).toBe(true)
  })

  test('throw where the body breaks off', async () => {
    const body = new ReadableStream({
      type: 'bytes',
      pull: (controller: ReadableByteStreamController) => controller.error(new Error('broke off')),
    })
    await expect(new BodyPieces(body).next()).rejects.toThrow('broke off')
  })
})
