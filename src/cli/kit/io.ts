/** Files and the network, as commands see them: nothing here rejects. */
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
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

/** A folder is made again so often if another run has just removed it because it was empty. */
const MOST_FOLDERS = 10

/**
 * Writes beside it first, so that the file is there whole or not at all; null takes it away, and with it the folder that it is
 * in, if nothing else is in there.
 */
export async function writeFileWhole(file: string, text: string | null): Promise<string | null> {
  const folder = dirname(file)
  try {
    if (text === null) {
      await rm(file, { force: true })
      // Another run may use it, or have taken it away.
      await rmdir(folder).catch(() => {})
      return null
    }
    await writeIn(folder, `${file}${UNWRITTEN}`, text)
    await rename(`${file}${UNWRITTEN}`, file)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

async function writeIn(folder: string, file: string, text: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await mkdir(folder, { recursive: true })
      await writeFile(file, text, { mode: 0o600, flush: true })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries >= MOST_FOLDERS) throw error
    }
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
