/**
 * Finds prompt injection in languages other than English: the patterns of prompt-injection.ts, put together of the words of each
 * language. Every pattern takes time in proportion to the text: whatever may repeat is bounded. PURE.
 */
import { lazy } from '../base/lazy.ts'
import { chinese, japanese, type Language, spaced } from './languages.ts'

const words = (most: number) => String.raw`(?:[^\s.;:]{1,40} ){0,${most}}?`
const BEGIN = String.raw`(?<![\p{L}\p{N}])`
const END = String.raw`(?![\p{L}\p{N}])`
const ADDRESS = String.raw`[\w.+-]{1,64}@(?!example\.)[\w-]{1,63}\.[a-z]`

interface Patterns {
  /** In which they are written. */
  readonly script: RegExp
  readonly patterns: () => readonly RegExp[]
}

/** @param secrets the source of an expression for files that hold secrets */
export function otherLanguages(secrets: string): (text: string) => string | null {
  const all: readonly Patterns[] = [
    ...spaced.map((language) => ({
      script: language.script === 'Latin' ? /[a-z]/ : /\p{Script=Cyrillic}/u,
      patterns: compiled(() => sourcesOf(language, secrets)),
    })),
    {
      script: /\p{Script=Han}/u,
      patterns: compiled(() => [
        ...chinese,
        `(?:读取|讀取|打开|打開|查看|获取|獲取|复制|複製|发送|發送|上传|上傳|提供|附上)[^。；\\n]{0,40}?${secrets}[^。；\\n]{0,60}?(?:传|傳|发送|發送|放入|填入|附加|附上|作为|作為|写入|寫入|提供|内容|內容)`,
      ]),
    },
    {
      script: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
      patterns: compiled(() => [
        ...japanese,
        `${secrets}[^。\\n]{0,20}?(?:を|の)[^。\\n]{0,20}?(?:読み|読ん|取得|コピー|開い|開き|内容)[^。\\n]{0,60}?(?:渡し|渡す|送信|送っ|含め|添付|入れ|指定)`,
      ]),
    },
  ]
  return (text) => {
    const plain = withoutAccents(text)
    for (const { script, patterns } of all) {
      if (!script.test(plain)) continue
      for (const pattern of patterns()) {
        const found = pattern.exec(plain)
        if (found !== null) return found[0].trim()
      }
    }
    return null
  }
}

/** Expressions that are compiled when a text in their script first comes. */
function compiled(sources: () => readonly string[]): () => readonly RegExp[] {
  return lazy(() => sources().map((source) => new RegExp(source, 'u')))
}

function sourcesOf(language: Language, secrets: string): readonly string[] {
  const {
    ignore,
    instructions,
    previous,
    never,
    inform,
    user,
    must,
    read,
    pass,
    contents,
    own,
    beforeUse,
    send,
    always,
  } = language
  return [
    `${ignore} ${words(3)}(?:${previous} ${words(2)}${instructions}|${instructions} ${words(3)}${previous})${END}`,
    `${never} ${words(2)}${inform} ${words(5)}${user}${END}`,
    `${read} .{0,100}?${secrets}.{0,100}?${BEGIN}(?:y|e|et|und|и|,|luego|depois|puis|dann|затем) ${words(3)}${pass}${END}`,
    `${must} ${words(4)}${read} .{0,100}?${secrets}`,
    `${pass} ${words(3)}${contents} ?.{0,60}?${secrets}`,
    `${pass} ${words(3)}${own}${END}`,
    `${beforeUse},? ${words(5)}${read} .{0,200}?${BEGIN}${pass}${END}`,
    `${always} ${words(6)}${send} ${words(5)}${ADDRESS}`,
    `${always} ${words(6)}${ADDRESS}[^\\s]{0,20} ${words(3)}${send}${END}`,
    ...language.others.map((other) => `(?:${other})${END}`),
  ].map((source) => `${BEGIN}${source}`)
}

/** Latin letters without their accents: whoever writes in a hurry, or means to get by, leaves them out. */
function withoutAccents(text: string): string {
  return text
    .normalize('NFD')
    .replaceAll(/([a-z])\p{M}{1,8}/gu, '$1')
    .normalize('NFC')
}
