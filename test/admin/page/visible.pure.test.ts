/** Text of somebody else's on a page: nothing of it is lost, hidden, or taken for the page's own. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { html } from '../../../src/admin/page/html.ts'
import { conspicuous } from '../../../src/admin/page/lookalikes.ts'
import { countMarked, inline, lines } from '../../../src/admin/page/visible.ts'
import { unseenIn } from '../../../src/base/invisible.ts'

/** The text that a page was made of, read back from the page. */
function readBack(page: string): string {
  return page
    .replace(/^<bdi>|<\/bdi>$/g, '')
    .replace(/<b class="code">⟦U\+([0-9A-F]+)⟧<\/b>/g, (_, code: string) =>
      String.fromCodePoint(Number.parseInt(code, 16)),
    )
    .replace(/<i class="sign">·+<\/i>/g, (sign) => ' '.repeat(sign.length - '<i class="sign"></i>'.length))
    .replace(/<i class="sign">[→↵]<\/i>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}

const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'<>&"\'` \t\n\r\0\u00A0\u200B\u202E\u2066\u2800\u3000\uFEFF\uD800\uE000'),
    fc.constantFrom('\u{E0041}', '❤️‍🔥', '👩‍💻', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'क्‍ष', '\r\n', '  ', 'ab', '⟦U+202E⟧', '&#60;'),
    fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
  ),
})

const ways = [
  ['within a line', inline],
  ['with its lines', lines],
] as const

describe('text that is shown', () => {
  test.each(ways)('%s can be read back, sign for sign', (_, shown) => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(readBack(shown(text).text)).toBe(text)
      }),
    )
  })

  test.each(ways)('%s leaves nothing unseen, and no markup', (_, shown) => {
    fc.assert(
      fc.property(hostile, (text) => {
        const page = shown(text).text.replace(/<\/?(bdi|b|i)( class="(code|sign)")?>/g, '')
        expect(page).not.toMatch(/[<>"'`]/)
        expect(page).not.toMatch(
          /[\u00A0\u2000-\u200B\u2028-\u202F\u2060-\u2069\uFEFF]|[\p{Cs}\p{Co}\p{Cn}]/u,
        )
        expect(page.replace(/[\t\n]/g, '')).not.toMatch(/\p{Cc}/u)
        expect(unseenIn(page)).toBeNull()
      }),
    )
  })

  test.each([
    ['pay\u202Eexe.txt', 'pay⟦U+202E⟧exe.txt'],
    ['a\u200Bb', 'a⟦U+200B⟧b'],
    ['a\u0000b\u001B[31m', 'a⟦U+0000⟧b⟦U+001B⟧[31m'],
    ['\u{E0068}\u{E0069}', '⟦U+E0068⟧⟦U+E0069⟧'],
    ['x\uFE01y', 'x⟦U+FE01⟧y'],
    ['1\u00A0000', '1⟦U+00A0⟧000'],
    ['a\uDC00b', 'a⟦U+DC00⟧b'],
    ['\u3164', '⟦U+3164⟧'],
    ['👩‍💻 ❤️', '👩‍💻 ❤️'],
  ])('%j is shown as %s', (text, shown) => {
    expect(lines(text).text.replace(/<[^>]*>/g, '')).toBe(shown)
  })

  test.each([
    '   ',
    '\t',
    '\n',
    '\r',
    '\u200B',
    '\u202E',
    '\u00A0',
    'a \u0430',
    '\u0301',
    '👩‍',
    '\uD800',
    '<',
    '"',
  ])('of 100,000 characters is shown before this test is given up: %j', (unit) => {
    const long = `x${unit.repeat(100_000 / unit.length)}x`
    expect(lines(long).text.length).toBeGreaterThan(99_999)
    expect(inline(long).text.length).toBeGreaterThan(99_999)
    countMarked(long)
    conspicuous(long)
  })

  test('counts what it shows by code, each character once', () => {
    expect(countMarked('a\u202Eb\u00A0\uD800 👩‍💻\t\n')).toBe(3)
    expect(countMarked('plain text')).toBe(0)
  })
})

test('a template escapes whatever is no HTML, in lists, too', () => {
  const evil = '"><script>alert(`1`)</script>&amp;'
  const page = html`<p title="${evil}">${[evil, html`<b>${evil}</b>`]}${null}${false}${1}</p>`.text
  expect(page.match(/<[^>]*>/g)).toEqual([
    '<p title="&#34;&#62;&#60;script&#62;alert(&#96;1&#96;)&#60;/script&#62;&#38;amp;">',
    '<b>',
    '</b>',
    '</p>',
  ])
})

describe('a text is conspicuous', () => {
  test.each([
    ['with Cyrillic letters among Latin ones', 'p\u0430ypal.com', 'Cyrillic'],
    ['with Greek ones', 'g\u03BFogle', 'Greek'],
    ['in the parts of an address', '\u0440\u0430\u0443@example.com', 'Cyrillic'],
    ['with letters of full width', '\uFF41dmin', 'ASCII'],
    ['with mathematical letters', '\u{1D41A}dmin', 'ASCII'],
    ['with marks that strike it through', '1\u03370\u0337', 'drawn over'],
    ['with more marks than a sign has', `a${'\u0301'.repeat(8)}`, 'drawn over'],
    ['with letters from right to left', 'file \u05D0\u05D1 2', 'right to left'],
  ])('%s', (_, text, word) => {
    expect(conspicuous(text).join()).toContain(word)
  })

  test.each([
    'plain',
    'Müller, Łódź',
    'Привет, мир',
    'こんにちは',
    '10 µm',
    'naïve café',
    '½ ™',
    'Việt e\u0302\u0301',
    '1️⃣',
  ])('not %s', (text) => {
    expect(conspicuous(text)).toEqual([])
  })
})
