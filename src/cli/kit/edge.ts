/** Files and the network, as commands see them: nothing here rejects. */
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { stdin } from 'node:process'
import type { Readable } from 'node:stream'
import { getSystemErrorMessage } from 'node:util'
import { UNWRITTEN } from './file-names.ts'
import type { Content, HttpReply, HttpRequest } from './outcome.ts'

/** Four bytes for each character that a policy may have; a file without end is not read to its end. */
const MOST_BYTES = 4 * 1024 * 1024

/** Reads a file; `-` is standard input. */
export async function readContent(file: string): Promise<Content> {
  try {
    const source: Readable = file === '-' ? stdin : createReadStream(file, { end: MOST_BYTES })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MOST_BYTES) return { ok: false, reason: `more than ${MOST_BYTES} bytes` }
    }
    return { ok: true, bytes: Buffer.concat(chunks) }
  } catch (error) {
    return { ok: false, reason: reasonOf(error) }
  }
}

/** The names of what is in a folder; null where there is none. */
export async function listFolder(folder: string): Promise<readonly string[] | null> {
  try {
    return await readdir(folder)
  } catch {
    return null
  }
}

/** Writes beside it first, so that the file is there whole or not at all; null takes it away. */
export async function writeFileWhole(file: string, text: string | null): Promise<string | null> {
  try {
    if (text === null) {
      await rm(file, { force: true })
      return null
    }
    await mkdir(dirname(file), { recursive: true })
    await writeFile(`${file}${UNWRITTEN}`, text, { mode: 0o600, flush: true })
    await rename(`${file}${UNWRITTEN}`, file)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

/** One request. */
export async function sendRequest({
  method,
  url,
  headers,
  body,
  timeoutMs,
}: HttpRequest): Promise<HttpReply> {
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      redirect: 'manual',
    })
    return {
      ok: true,
      status: response.status,
      header: (name) => response.headers.get(name),
      pieces: pieces(response),
    }
  } catch (error) {
    const { cause } = error as Error
    return { ok: false, reason: reasonOf(cause ?? error) }
  }
}

async function* pieces({ body }: Response): AsyncGenerator<string> {
  if (body === null) return
  for await (const text of body.pipeThrough(new TextDecoderStream())) yield text
}

function reasonOf(error: unknown): string {
  const { errno, code, message, name } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError') return 'not in time'
  if (typeof errno === 'number') return getSystemErrorMessage(errno)
  return code ?? message ?? 'unknown error'
}
