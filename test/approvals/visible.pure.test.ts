import { expect, test } from 'vitest'
import { visible } from '../../src/approvals/visible.ts'

test.each([
  ['Grüße, 日本語, 👍🏽 “quoted”', 'Grüße, 日本語, 👍🏽 “quoted”'],
  ['a\tb\nc', 'a\tb\nc'],
  ['pay\u202eeno', 'pay\\u{202e}eno'],
  ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
  ['\u001b[31mred\u001b[0m\u0007\r', '\\u{1b}[31mred\\u{1b}[0m\\u{7}\\u{d}'],
  ['no\u00a0break\u2028line', 'no\\u{a0}break\\u{2028}line'],
  ['tag\u{e0041}s', 'tag\\u{e0041}s'],
  ['half \ud800 pair', 'half \\u{d800} pair'],
])('%j is shown with all that is in it', (text, shown) => {
  expect(visible(text)).toBe(shown)
})
