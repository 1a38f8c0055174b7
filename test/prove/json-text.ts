/** JSON texts in every spelling that the grammar allows (RFC 8259), made of a seed. */
import fc from 'fast-check'

const digits = (most: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: most }).map((all) => all.join(''))

/** Numbers as programs write them, and as none does: long, with exponents, just beside what can be kept. */
export const numberText: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: -10, max: 1_001 }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => String(value)),
  fc.constantFrom(
    ...[
      '9007199254740991',
      '9007199254740992',
      '9007199254740993',
      '-9007199254740993',
      '9007199254740993.0',
    ],
    ...[
      '900719925474099.3e1',
      '9007199254740993e0',
      '90071992547409930e-1',
      '1e400',
      '-1e400',
      '1e308',
      '1e309',
    ],
    ...[
      '1E+400',
      '0e999',
      '0.0e-999',
      '1e-400',
      '-0',
      '-0.0',
      '0',
      '5e-324',
      '1e23',
      '123456789012345678901',
    ],
    ...[
      '1.7976931348623157e308',
      '1.7976931348623159e308',
      '1000.0000000000000001',
      '1e3',
      '10e2',
      '0.1e4',
      '1000.0',
    ],
    ...[
      `1${'0'.repeat(400)}`,
      `0.${'0'.repeat(400)}1`,
      `1${'0'.repeat(309)}e-309`,
      '18446744073709551616',
      '1e21',
      '1e22',
    ],
  ),
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(
        fc.constant('0'),
        fc.tuple(fc.integer({ min: 1, max: 9 }), digits(24)).map(([a, b]) => `${a}${b}`),
      ),
      fc.oneof(
        fc.constant(''),
        digits(20).map((it) => `.${it}`),
      ),
      fc.oneof(
        fc.constant(''),
        fc
          .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.integer({ min: 0, max: 330 }))
          .map((all) => all.join('')),
      ),
    )
    .map((all) => all.join('')),
)

/** A character of a string, plain or escaped. */
const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'ax1 _.:,{}[]/é界') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\n', '\\t', '\\u0061', '\\u0000', '😀'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\\ud83d\\ude00', '\\u00e9', '\\u2028', '\\uD83D', '\u2028', '1e400'),
  },
)

export const stringText = fc.array(character, { maxLength: 6 }).map((all) => `"${all.join('')}"`)

const space = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\n', '\t', '\r\n '))

/** The names that the policy asks for, in whatever spelling, and others. */
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('"x"', '"\\u0078"', '"y"', '"list"', '"in"') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '"X"',
      '"x "',
      '""',
      '"__proto__"',
      '"constructor"',
      '"toString"',
      '"x\\u0000"',
    ),
  },
  { weight: 1, arbitrary: stringText },
)

const { value, object } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    numberText,
    stringText,
    tie('object'),
    tie('list'),
  ),
  object: fc
    .tuple(
      // A name twice is told apart by the gateway alone, so it is rare.
      fc.uniqueArray(fc.tuple(name, tie('value')), {
        maxLength: 4,
        selector: ([own]) => JSON.parse(own) as string,
      }),
      fc.boolean(),
      space,
      space,
    )
    .map(([members, isDoubled, before, after]) => {
      const all = isDoubled && members.length > 3 ? [...members, ...members.slice(0, 1)] : members
      return `{${before}${all.map(([own, it]) => `${own}${after}:${before}${it}`).join(`${after},${before}`)}${after}}`
    }),
  list: fc
    .tuple(fc.array(tie('value'), { maxLength: 3 }), space)
    .map(([all, gap]) => `[${gap}${all.join(`,${gap}`)}${gap}]`),
}))

export const valueText = value
export const objectText = object
