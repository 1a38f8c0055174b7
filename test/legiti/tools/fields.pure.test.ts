import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type * as z from 'zod/v4'
import {
  accountId,
  address,
  amount,
  cpf,
  EARLIEST_TIMESTAMP,
  email,
  eventDates,
  firstSixDigits,
  installments,
  ip,
  LARGEST_AMOUNT,
  LATEST_TIMESTAMP,
  lastFourDigits,
  payment,
  paymentMethod,
  phone,
  saleDatetime,
  saleId,
  saleItems,
  text,
  timestamp,
} from '../../../src/legiti/tools/fields.ts'

/** Tries each value: what is accepted comes back unchanged, and the rest is refused. */
function takes(field: z.ZodType, good: unknown[], bad: unknown[]): void {
  for (const value of good)
    expect(field.safeParse(value), JSON.stringify(value)).toEqual({ success: true, data: value })
  for (const value of bad) expect(field.safeParse(value).success, JSON.stringify(value)).toBe(false)
}

describe('ids', () => {
  it('are 1 to 256 characters, not blank', () => {
    takes(
      accountId(),
      ['a', 'ana@example.com', 'x'.repeat(256), ' a '],
      ['', ' ', '\t\n', 'x'.repeat(257), 7, null],
    )
  })

  it('are well-formed Unicode', () => {
    takes(accountId(), ['é😀'], ['\ud800', 'a\udc00b'])
  })

  it('of sales are no dots that would climb in a path', () => {
    takes(saleId(), ['...', 'a.', '.a', '.. ', 's-1'], ['.', '..'])
    takes(accountId(), ['..'], [])
  })
})

describe('times', () => {
  it('are Unix seconds between 2000 and 2100; milliseconds are refused', () => {
    takes(
      timestamp(),
      [EARLIEST_TIMESTAMP, 1_772_366_400, LATEST_TIMESTAMP],
      [
        EARLIEST_TIMESTAMP - 1,
        LATEST_TIMESTAMP + 1,
        1_772_366_400_000,
        1_772_366_400.5,
        '1772366400',
        0,
        -1,
        Number.NaN,
      ],
    )
    expect(EARLIEST_TIMESTAMP).toBe(Date.UTC(2000, 0) / 1000)
    expect(LATEST_TIMESTAMP).toBe(Date.UTC(2100, 0) / 1000)
  })

  it('of sales are ISO 8601 with an offset, or Unix seconds', () => {
    takes(
      saleDatetime(),
      ['2026-03-01T20:30:00-03:00', '2026-03-01T20:30:00.123Z', '2024-02-29T00:00:00Z', 1_772_366_400],
      [
        '2026-03-01T20:30:00',
        '2026-03-01',
        '2026-03-01 20:30:00Z',
        '2026-02-29T00:00:00Z',
        '1999-12-31T23:59:59Z',
        '2100-01-01T00:00:01Z',
        '01/03/2026',
        `2026-03-01T20:30:00.${'1'.repeat(64)}Z`,
        1_772_366_400_000,
        '1772366400',
        '',
      ],
    )
  })

  it('of sales are any moment that Date writes in that span', () => {
    const span = {
      min: new Date(EARLIEST_TIMESTAMP * 1000),
      max: new Date(LATEST_TIMESTAMP * 1000),
      noInvalidDate: true,
    }
    fc.assert(fc.property(fc.date(span), (date) => saleDatetime().safeParse(date.toISOString()).success))
  })
})

describe('amounts', () => {
  it('are not negative, finite, with at most two decimals', () => {
    takes(
      amount('x'),
      [0, 0.01, 0.07, 1.1, 19.99, 199.9, 54.26, 1_000_000_000, 999_999_999.99],
      [
        -0.01,
        0.001,
        19.999,
        1e-7,
        LARGEST_AMOUNT + 0.01,
        1e21,
        Number.POSITIVE_INFINITY,
        Number.NaN,
        '19.99',
        null,
      ],
    )
  })

  it('are any whole number of centavos', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LARGEST_AMOUNT * 100 }),
        (centavos) => amount('x').safeParse(centavos / 100).success,
      ),
    )
  })

  it('are never a tenth of a centavo off', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 9 }), (centavos, tenth) => {
        return !amount('x').safeParse((centavos * 10 + tenth) / 1000).success
      }),
    )
  })
})

describe('people', () => {
  it('have a CPF of eleven digits, bare or punctuated, check digits unverified', () => {
    takes(
      cpf('x'),
      ['12345678909', '123.456.789-09', '00000000000', '741.112.235-53'],
      [
        '1234567890',
        '123456789090',
        '123.456.78909',
        '123456789-09',
        '123.456.789/09',
        '1234567890a',
        ' 12345678909',
        '12345678909\n',
        12345678909,
      ],
    )
  })

  it('have an e-mail address', () => {
    takes(
      email(),
      ['a@b.com', 'ana.silva+x@example.com.br'],
      ['a', 'a@b', 'a @b.com', 'a@b.com\n', '', `${'a'.repeat(250)}@b.com`],
    )
  })

  it('have a telephone number', () => {
    takes(
      phone(),
      ['+5511987654321', '(11) 98765-4321', '11 3333.4444'],
      ['', '123', 'call me', '+', `+${'1'.repeat(32)}`, 11987654321],
    )
  })

  it('have an IP address, of either family and without brackets or port', () => {
    takes(
      ip(),
      ['1.2.3.4', '255.255.255.255', '::1', '2001:db8::1', '::ffff:1.2.3.4'],
      ['256.1.1.1', '1.2.3', '01.2.3.4', '1.2.3.4:80', '[::1]', '::1%eth0', 'localhost', '1.2.3.4 ', ''],
    )
  })
})

describe('cards', () => {
  it('show six and four digits, never one more', () => {
    takes(
      firstSixDigits(),
      ['411111', '000000'],
      ['41111', '4111111', '41111a', '411111\n', '4111 11', 411111, '٤١١١١١'],
    )
    takes(lastFourDigits(), ['1111', '0000'], ['111', '11111', '111a', '1111\n', 1111])
  })

  it('are paid in 1 to 99 instalments', () => {
    takes(installments(), [1, 99], [0, 100, 1.5, -1, '3'])
  })

  it('are one of four ways to pay', () => {
    takes(paymentMethod(), ['credit', 'debit', 'boleto', 'pix'], ['Credit', 'cash', ''])
  })

  it('are refused whole in the payment of a sale', () => {
    takes(
      payment(),
      [{}, { method: 'credit', first_six_digits_cc: '411111', last_four_digits_cc: '1111' }],
      [{ card_number: '4111111111111111' }, { first_six_digits_cc: '4111111111111111' }],
    )
  })
})

describe('texts', () => {
  it('are not empty and bounded', () => {
    takes(text('x', 5), ['a', 'abcde'], ['', 'abcdef', 1])
  })
})

describe('objects are strict, and every part of them optional', () => {
  it('address', () => {
    const full = {
      street: 'Rua Fidalga',
      number: 's/n',
      complement: 'ap 11',
      neighborhood: 'Pinheiros',
      city: 'São Paulo',
      state: 'SP',
      zip_code: '05432-010',
      country: 'BR',
    }
    takes(
      address('x'),
      [{}, full],
      [{ ...full, planet: 'Earth' }, { number: 252 }, { city: '' }, { zip_code: '1'.repeat(17) }, [], 'Rua'],
    )
  })

  it('sale items, at most five hundred', () => {
    const item = {
      item_id: 'i',
      event_id: 'e',
      event_date_id: 'd',
      name: 'n',
      category: 'c',
      quantity: 1,
      unit_price: 0.5,
    }
    takes(
      saleItems(),
      [[], [item], [{}], Array(500).fill(item)],
      [Array(501).fill(item), [{ card: 'x' }], [{ quantity: 0 }], item],
    )
  })

  it('event dates, at most five hundred', () => {
    const date = { event_date_id: 'd', datetime: 1_772_366_400, venue: 'v', capacity: 0 }
    takes(
      eventDates(),
      [[], [date], Array(500).fill(date)],
      [Array(501).fill(date), [{ capacity: -1 }], [{ doors: 1 }]],
    )
  })
})
