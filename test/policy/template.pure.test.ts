/** URI templates as RFC 6570 expands them, and as policies ask of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expandTemplate } from '../../src/policy/template.ts'

/** RFC 6570, 1.2 and 3.2: the values that its examples use, as far as they are texts. */
const values = {
  var: 'value',
  hello: 'Hello World!',
  path: '/foo/bar',
  half: '50%',
  base: 'http://example.com/home/',
  empty: '',
  who: 'fred',
  v: '6',
  x: '1024',
  y: '768',
  semi: ';',
  dub: 'me/too',
}

describe('the examples of RFC 6570', () => {
  test.each([
    ['{var}', 'value'],
    ['{hello}', 'Hello%20World%21'],
    ['{half}', '50%25'],
    ['O{empty}X', 'OX'],
    ['O{undef}X', 'OX'],
    ['{x,y}', '1024,768'],
    ['{x,hello,y}', '1024,Hello%20World%21,768'],
    ['?{x,empty}', '?1024,'],
    ['?{x,undef}', '?1024'],
    ['?{undef,y}', '?768'],
    ['{var:3}', 'val'],
    ['{var:30}', 'value'],
    ['{semi:2}', '%3B'],
    ['{+var}', 'value'],
    ['{+hello}', 'Hello%20World!'],
    ['{+half}', '50%25'],
    ['{base}index', 'http%3A%2F%2Fexample.com%2Fhome%2Findex'],
    ['{+base}index', 'http://example.com/home/index'],
    ['O{+empty}X', 'OX'],
    ['up{+path}{var}/here', 'up/foo/barvalue/here'],
    ['{+x,hello,y}', '1024,Hello%20World!,768'],
    ['{+path,x}/here', '/foo/bar,1024/here'],
    ['{+path:6}/here', '/foo/b/here'],
    ['{#var}', '#value'],
    ['foo{#empty}', 'foo#'],
    ['foo{#undef}', 'foo'],
    ['{#path,x}/here', '#/foo/bar,1024/here'],
    ['X{.var}', 'X.value'],
    ['X{.empty}', 'X.'],
    ['X{.x,y}', 'X.1024.768'],
    ['{/var}', '/value'],
    ['{/var,empty}', '/value/'],
    ['{/var,undef}', '/value'],
    ['{/var:1,var}', '/v/value'],
    ['{;who}', ';who=fred'],
    ['{;empty}', ';empty'],
    ['{;v,empty,who}', ';v=6;empty;who=fred'],
    ['{;v,undef,who}', ';v=6;who=fred'],
    ['{?x,y}', '?x=1024&y=768'],
    ['{?x,y,empty}', '?x=1024&y=768&empty='],
    ['{?x,y,undef}', '?x=1024&y=768'],
    ['{?var:3}', '?var=val'],
    ['?fixed=yes{&x}', '?fixed=yes&x=1024'],
    ['{&x,y,empty}', '&x=1024&y=768&empty='],
    ['{dub}', 'me%2Ftoo'],
    ['{var*}', 'value'],
    ['{?var*}', '?var=value'],
  ])('%s', (template, expected) => {
    expect(expandTemplate(template, values)).toBe(expected)
  })
})

test.each(['{}', '{=var}', '{!var}', '{a:b}', '{', '}', 'a{b', '{{}}', 'file:///plain'])(
  'what is no expression, or of an operator that is kept for later, is no value: %s',
  (template) => {
    expect(expandTemplate(template, values)).not.toContain('value')
  },
)

test('names of what every object has are no values, and a text that is not well formed is expanded', () => {
  expect(expandTemplate('{constructor}{__proto__}{toString}', {})).toBe('')
  expect(expandTemplate('{+a}', { a: '\ud800/%2F%' })).toBe('%EF%BF%BD/%2F%25')
})

test('whatever the value is, an expression leaves none of itself, and nothing of a value is lost that may stand', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '+', '/', '?', '&', ';', '#', '.'),
      (value, sign) => {
        const expanded = expandTemplate(`x:{${sign}v}`, { v: value })
        expect(expanded).not.toMatch(/[{} ]/)
        if (sign === '') expect(decodeURIComponent(expanded.slice(2))).toBe(value.toWellFormed())
      },
    ),
  )
})
