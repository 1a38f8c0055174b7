import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findCardNumber } from '../../../src/legiti/tools/card.ts'
import { processorClock } from '../../support/processor-time.ts'

/** Prefix and length of each brand, written down apart from the code: the specification. */
const BRANDS: Record<string, [string, number][]> = {
  Visa: [
    ['4', 13],
    ['4', 16],
    ['4', 19],
  ],
  Mastercard: ['51', '52', '53', '54', '55', '2221', '2229', '2230', '2300', '2699', '2700', '2720'].map(
    (prefix) => [prefix, 16],
  ),
  'American Express': [
    ['34', 15],
    ['37', 15],
  ],
  'Diners Club': [
    ['300', 14],
    ['305', 14],
    ['3095', 14],
    ['36', 14],
    ['38', 14],
    ['39', 16],
    ['36', 19],
  ],
  JCB: [
    ['3528', 16],
    ['3530', 16],
    ['3589', 16],
    ['3589', 19],
  ],
  Discover: [
    ['6011', 16],
    ['644', 16],
    ['649', 16],
    ['65', 16],
    ['65', 19],
  ],
  UnionPay: [
    ['62', 16],
    ['62', 17],
    ['62', 19],
  ],
  Maestro: [
    ['50', 16],
    ['56', 16],
    ['58', 18],
    ['6304', 16],
    ['67', 19],
  ],
  Elo: ['5067', '509', '636297', '636368', '650', '651', '655'].map((prefix) => [prefix, 16]),
  Hipercard: [
    ['606282', 16],
    ['606282', 19],
    ['384100', 19],
    ['637095', 16],
  ],
  Aura: [
    ['50', 16],
    ['50', 19],
  ],
}

/** The digit that makes `body` pass Luhn, computed from the left, unlike the code under test. */
function luhnDigit(body: string): string {
  const sum = [...body].reduce((total, char, index) => {
    const doubled = (body.length - index) % 2 === 1
    const value = Number(char) * (doubled ? 2 : 1)
    return total + Math.floor(value / 10) + (value % 10)
  }, 0)
  return String((10 - (sum % 10)) % 10)
}

const digits = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length })
    .map((list) => list.join(''))

const cardOf = ([prefix, length]: [string, number]) =>
  digits(length - prefix.length - 1).map((rest) => prefix + rest + luhnDigit(prefix + rest))

const anyCard = fc.constantFrom(...Object.values(BRANDS).flat()).chain(cardOf)

/** One in ten thousand Diners cards reads as a valid CNPJ, and is meant to pass. */
const readsAsCnpj = (card: string) => card.length === 14 && card.slice(8, 10) === '00'

const separator = fc.constantFrom('', ' ', '-', '.', '\u00a0', '\u2009', '\u2013', '\u2011', '\u2212')

/** The CNPJ of a branch: 8 + 4 digits and the two check digits of Receita Federal. */
function cnpj(root: string, branch: string): string {
  const check = (body: string, weights: number[]) => {
    const rest = weights.reduce((sum, weight, index) => sum + weight * Number(body[index]), 0) % 11
    return rest < 2 ? '0' : String(11 - rest)
  }
  const body = root + branch
  const first = check(body, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
  return body + first + check(body + first, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

describe('findCardNumber finds', () => {
  it.each([
    ['Visa', '4111111111111111'],
    ['Visa, 13 digits', '4222222222222'],
    ['Visa, 19 digits', '4000000000000000006'],
    ['Mastercard', '5555555555554444'],
    ['Mastercard, 2-series', '2223003122003222'],
    ['American Express', '378282246310005'],
    ['Diners Club', '30569309025904'],
    ['JCB', '3530111333300000'],
    ['Discover', '6011111111111117'],
    ['UnionPay', '6240008631401148'],
    ['UnionPay whose last digit is no Luhn digit', '6240008631401140'],
    ['Maestro', '6759649826438453'],
    ['Elo', '6362970000457013'],
    ['Hipercard', '6062825624254001'],
    ['Aura', '5078601870000127985'],
  ])('the test number of %s', (_brand, card) => {
    expect(findCardNumber({ reason: card })).toBe('/reason')
  })

  for (const [brand, shapes] of Object.entries(BRANDS)) {
    it(`any number of ${brand}, with any single separators, inside any longer text`, () => {
      const spaced = fc
        .constantFrom(...shapes)
        .chain(cardOf)
        .filter((card) => !readsAsCnpj(card))
        .chain((card) =>
          fc
            .array(separator, { minLength: card.length - 1, maxLength: card.length - 1 })
            .map((gaps) => [...card].map((digit, index) => digit + (gaps[index] ?? '')).join('')),
        )
      fc.assert(
        fc.property(
          spaced,
          fc.constantFrom('', 'card', 'paid with: ', 'sale 12 ', '(', '+', '$', '/'),
          fc.constantFrom('', 'x', ' 12/26', '.', ' cvv 123', '; thanks'),
          (card, before, after) => findCardNumber([before + card + after]) === '/0',
        ),
        { numRuns: 300 },
      )
    })
  }

  it('a card among other separated numbers', () => {
    expect(findCardNumber('sale 12 4111 1111 1111 1111')).toBe('')
    expect(findCardNumber('4111 1111 1111 1111 12 34 56 78 90 12')).toBe('')
    expect(findCardNumber('1 2 3 4 5 6 7 8 9 0 1 2 3 4111-1111-1111-1111 9 8 7')).toBe('')
    expect(findCardNumber('12345678901234567890123 4111111111111111')).toBe('')
  })

  it('digits of other scripts and styles, and digits split by invisible characters', () => {
    expect(findCardNumber('４１１１１１１１１１１１１１１１')).toBe('')
    expect(findCardNumber('𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏')).toBe('')
    expect(findCardNumber('٥٥٥٥ ٥٥٥٥ ٥٥٥٥ ٤٤٤٤')).toBe('')
    expect(findCardNumber('५५५५५५५५५५५५४४४४')).toBe('')
    expect(findCardNumber('4111\u200b1111\u00ad1111\u20601111')).toBe('')
  })

  it('numbers as well as strings', () => {
    expect(findCardNumber({ amount: 4111111111111111 })).toBe('/amount')
    expect(findCardNumber(4111111111111111n)).toBe('')
  })
})

describe('the pointer', () => {
  it('names the first place in document order, escaped as RFC 6901 says', () => {
    const card = '4111111111111111'
    expect(findCardNumber({ a: 'x', 'b/~': [1, { c: card }], d: card })).toBe('/b~1~0/1/c')
    expect(findCardNumber([['ok'], [card], card])).toBe('/1/0')
    expect(findCardNumber(card)).toBe('')
  })

  it('names the object when the number is a key, so that the number is not repeated', () => {
    expect(findCardNumber({ a: { '4111 1111 1111 1111': true } })).toBe('/a')
    expect(findCardNumber({ '4111111111111111': true })).toBe('')
    expect(findCardNumber({ a: { ok: '5555555555554444', '4111111111111111x': 1 } })).toBe('/a/ok')
  })

  it('never holds a card number itself', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(fc.string(), anyCard), fc.oneof(anyCard, fc.dictionary(anyCard, fc.string()))),
        (document) => {
          const pointer = findCardNumber(document)
          return pointer === null || findCardNumber(pointer) === null
        },
      ),
    )
  })
})

describe('findCardNumber lets through', () => {
  it('a number whose Luhn digit is wrong', () => {
    fc.assert(
      fc.property(
        anyCard.filter((card) => !card.startsWith('62')),
        fc.integer({ min: 1, max: 9 }),
        (card, off) => {
          const last = (Number(card.at(-1)) + off) % 10
          return findCardNumber(card.slice(0, -1) + last) === null
        },
      ),
    )
  })

  it.each([
    ['Visa of 14 digits', '4', 14],
    ['Visa of 15 digits', '4', 15],
    ['Visa of 17 digits', '4', 17],
    ['Mastercard of 15 digits', '51', 15],
    ['Mastercard of 17 digits', '55', 17],
    ['Amex of 16 digits', '34', 16],
    ['2220, below Mastercard', '2220', 16],
    ['2721, above Mastercard', '2721', 16],
    ['3527, below JCB', '3527', 16],
    ['an IMEI', '35', 15],
    ['a SIM card', '8955', 19],
    ['an order number of 13 digits', '5', 13],
    ['an order number of 13 digits', '6', 13],
    ['a prefix of nobody', '9', 16],
    ['a prefix of nobody', '1', 16],
    ['a prefix of nobody', '0', 16],
  ])('%s, though it passes Luhn', (_what, prefix, length) => {
    fc.assert(fc.property(cardOf([prefix, length]), (number) => findCardNumber(number) === null))
  })

  it('twelve digits, and unbroken runs of twenty and more, whatever is inside', () => {
    fc.assert(fc.property(cardOf(['4', 12]), (number) => findCardNumber(number) === null))
    fc.assert(
      fc.property(anyCard, digits(7), (card, more) => {
        return findCardNumber(more + card) === null && findCardNumber(card + more) === null
      }),
    )
  })

  it('part of an unbroken run: a window is whole runs', () => {
    expect(findCardNumber('994111111111111111')).toBeNull()
    expect(findCardNumber('994111111111111 1119')).toBeNull()
  })

  it('halves on both sides of an unbroken run that is too long', () => {
    expect(findCardNumber('4111 1111 12345678901234567890 1111 1111')).toBeNull()
  })

  it('digits split by two separators, or by anything else', () => {
    for (const gap of ['  ', ' - ', '/', ':', ',', '_', '\n', 'x']) {
      expect(findCardNumber(`41111111${gap}11111111`)).toBeNull()
    }
  })

  it('Brazilian telephone numbers, however written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 11, max: 99 }),
        digits(4),
        digits(4),
        fc.constantFrom('', ' ', '-'),
        fc.constantFrom('', ' ', '-'),
        (area, left, right, one, two) =>
          [
            `+55${one}${area}${one}9${left}${two}${right}`,
            `+55 (${area}) 9${left}-${right}`,
            `0${area}${left}${right}`,
          ]
            .map((phone) => findCardNumber({ account_phone: phone }))
            .every((found) => found === null),
      ),
    )
  })

  it('any CPF, with and without its punctuation', () => {
    fc.assert(
      fc.property(digits(11), (cpf) => {
        const written = `${cpf.slice(0, 3)}.${cpf.slice(3, 6)}.${cpf.slice(6, 9)}-${cpf.slice(9)}`
        return findCardNumber([cpf, written, Number(cpf)]) === null
      }),
    )
  })

  it('any CNPJ of a first branch, with and without its punctuation, also where Diners Club begins the same', () => {
    const roots = fc.oneof(
      digits(8),
      fc
        .tuple(fc.constantFrom('36', '38', '300', '305'), digits(6))
        .map((parts) => parts.join('').slice(0, 8)),
    )
    fc.assert(
      fc.property(roots, fc.integer({ min: 1, max: 99 }), (root, branch) => {
        const number = cnpj(root, String(branch).padStart(4, '0'))
        const written = `${number.slice(0, 2)}.${number.slice(2, 5)}.${number.slice(5, 8)}/${number.slice(8, 12)}-${number.slice(12)}`
        return findCardNumber([number, written]) === null
      }),
      { numRuns: 2000 },
    )
  })

  it('but no Diners Club number that only ends like a branch: the check digits have to be right', () => {
    fc.assert(
      fc.property(digits(6), fc.integer({ min: 0, max: 99 }), digits(1), (rest, branch, digit) => {
        const body = `36${rest}${String(branch).padStart(4, '0')}`
        const card = body + digit + luhnDigit(body + digit)
        const isCnpj = branch > 0 && card === cnpj(`36${rest}`, body.slice(8))
        return findCardNumber(card) === (isCnpj ? null : '')
      }),
      { numRuns: 2000 },
    )
  })

  it('nor one that reads as the CNPJ of branch 0000, which no company has', () => {
    let root = 36_000_000
    while (cnpj(String(root), '0000').at(-1) !== luhnDigit(cnpj(String(root), '0000').slice(0, -1))) root += 1
    expect(findCardNumber(cnpj(String(root), '0000'))).toBe('')
  })

  it('times in Unix seconds, milliseconds and microseconds, as numbers and as text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000_000_000, max: 1_999_999_999_999 }), (ms) => {
        return findCardNumber([ms, String(ms), Math.floor(ms / 1000), `${ms}123`, ms * 1000]) === null
      }),
    )
  })

  it('ISO 8601 times, UUIDs and digests', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => findCardNumber(date.toISOString()) === null),
    )
    fc.assert(fc.property(fc.uuid(), (id) => findCardNumber([id, `sale_${id}`, id.toUpperCase()]) === null))
    expect(findCardNumber('aaaaaaaa-aaaa-4111-8111-11111111111f')).toBeNull()
    expect(findCardNumber('f4111-1111-1111-1111')).toBe('')
    expect(findCardNumber('abcdefab4111111111111111abcdefab')).toBeNull()
  })

  it('fractions, and the six and four digits that may be sent', () => {
    expect(findCardNumber({ longitude: 0.4111111111111111 })).toBeNull()
    expect(findCardNumber({ first_six_digits_cc: '411111', last_four_digits_cc: '1111' })).toBeNull()
  })

  it('whatever is not text or number', () => {
    expect(findCardNumber([null, undefined, true, {}, [], Number.NaN, Number.POSITIVE_INFINITY])).toBeNull()
  })
})

describe('the cost', () => {
  it.each([
    ['single digits', '4 '.repeat(150_000)],
    ['one long run', '4'.repeat(300_000)],
    ['one run of millions', '4'.repeat(5_000_000)],
    ['near misses', '4111111111111112 '.repeat(18_000)],
    ['what NFKC makes longer', '\ufdfa'.repeat(90_000)],
    ['many members', Array.from({ length: 90_000 }, (_, index) => index)],
  ])('of much text: %s is a matter of seconds at most', (_what, document) => {
    const spentMs = processorClock()
    expect(findCardNumber(document)).toBeNull()
    // Where it grew with the square, it would be an hour.
    expect(spentMs()).toBeLessThan(6_000)
  })

  it('does not grow the stack with the depth', () => {
    let document: unknown = '4111111111111111'
    for (let depth = 0; depth < 50_000; depth += 1) document = [document]
    expect(findCardNumber(document)).toBe('/0'.repeat(50_000))
  })
})
