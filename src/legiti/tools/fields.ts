/**
 * The arguments that several Legiti tools share, each with its format, its bounds and a text that an agent
 * reads. Names and units are those of the origin's server and of Legiti's 2020 documents
 * (legiti.md); the bounds are ours, wide enough for honest data and narrow enough to catch a
 * wrong unit. Every object is strict: an unknown key is refused, since a key that nobody expects is how
 * data leaves unseen.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import { unixSecondsOfIso } from './calendar.ts'

/** Longest identifier, in UTF-16 code units. */
export const LONGEST_ID = 256

/** Longest free text (a reason, a note), in UTF-16 code units. */
export const LONGEST_TEXT = 2000

/** Most line items in one sale. */
export const MOST_SALE_ITEMS = 500

/** Most dates in one event. */
export const MOST_EVENT_DATES = 500

/** 2000-01-01 in Unix seconds. Legiti is younger than that: an earlier time is a mistake. */
export const EARLIEST_TIMESTAMP = 946_684_800

/** 2100-01-01 in Unix seconds. A time in milliseconds lands far beyond it, and is refused. */
export const LATEST_TIMESTAMP = 4_102_444_800

/** Largest amount, in BRL. Keeps two decimals exact in a double, and any amount shorter than a card number. */
export const LARGEST_AMOUNT = 1_000_000_000

/** An identifier of the merchant's own: not blank, and well-formed Unicode so that it survives a URL. */
export const id = (what: string) =>
  z
    .string()
    .min(1)
    .max(LONGEST_ID)
    .regex(/\S/, 'must not be blank')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
    .describe(`${what} 1 to ${LONGEST_ID} characters. Never a card number.`)

/** Free text, not empty. */
export const text = (what: string, longest: number = LONGEST_TEXT) =>
  z.string().min(1).max(longest).describe(`${what} At most ${longest} characters. Never a full card number.`)

/** A short word whose values Legiti does not document: not empty, at most 64 characters. */
export const word = (what: string) =>
  z
    .string()
    .min(1)
    .max(64)
    .regex(/\S/, 'must not be blank')
    .describe(`${what} At most 64 characters. Legiti documents no closed list of values.`)

export const accountId = lazy(() =>
  id('Id of the account in the merchant’s own system, stable over its life.'),
)

/**
 * Id of a sale. `.` and `..` are refused: get_decision puts the id into a URL path, where they mean
 * "here" and "up" even when percent-encoded (WHATWG URL, single-dot and double-dot path segments).
 */
export const saleId = lazy(() =>
  id('Id of the sale (order) in the merchant’s own system, the same in every call about it.').refine(
    (value) => value !== '.' && value !== '..',
    'must not be "." or ".."',
  ),
)

export const eventId = lazy(() => id('Id of the event (concert, match, show) in the merchant’s own system.'))

export const eventDateId = lazy(() =>
  id('Id of one date of the event. For a sale over several dates, the main one.'),
)

export const paymentId = lazy(() =>
  id('Id of the payment in the merchant’s own system, unique within the sale.'),
)

export const analystId = lazy(() => id('Id of the analyst who decided.'))

/** A moment in Unix seconds. */
export const timestamp = lazy(() =>
  z
    .int()
    .min(EARLIEST_TIMESTAMP, 'is too early: Unix seconds are expected')
    .max(LATEST_TIMESTAMP, 'is too late: Unix seconds are expected, not milliseconds')
    .describe(
      'When it happened, in Unix seconds (UTC), not milliseconds. Leave it out for something happening now.',
    ),
)

/**
 * A moment as an agent is likely to have it: ISO 8601 with an offset, or Unix seconds. Legiti takes Unix
 * seconds (2020 documents, `sale_datetime: Integer`); wire.ts turns the one into the other.
 */
export const moment = (what: string) =>
  z
    .union([
      z.iso
        .datetime({ offset: true })
        .max(64)
        .refine((value) => {
          const seconds = unixSecondsOfIso(value)
          return seconds !== null && seconds >= EARLIEST_TIMESTAMP && seconds <= LATEST_TIMESTAMP
        }, 'must lie between the years 2000 and 2100'),
      z.int().min(EARLIEST_TIMESTAMP).max(LATEST_TIMESTAMP),
    ])
    .describe(`${what} ISO 8601 with an offset (2026-03-01T20:30:00-03:00), or whole Unix seconds.`)

export const saleDatetime = lazy(() => moment('When the sale was made.'))

export const resolutionDatetime = lazy(() => moment('When the dispute was resolved.'))

/**
 * Money in BRL. Two decimals are checked by arithmetic, and not by `multipleOf`, because a client that checks
 * the JSON Schema by dividing doubles would refuse honest amounts (19.99 / 0.01 is not whole).
 */
export const amount = (what: string) =>
  z
    .number()
    .min(0)
    .max(LARGEST_AMOUNT)
    .refine((value) => Math.round(value * 100) / 100 === value, 'must have at most two decimals')
    .describe(`${what} In BRL, major units (199.9 is R$ 199,90): not negative, at most two decimals.`)

export const saleTotalValue = lazy(() => amount('Total of the sale.'))

/** CPF by shape alone: a sandbox, and a fraudster, send numbers whose check digits are wrong. */
export const cpf = (whose: string) =>
  z
    .string()
    .regex(/^(?:\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$/, 'must be a CPF: 11 digits, or 000.000.000-00')
    .describe(`${whose} 11 digits, with or without the usual dots and dash. Check digits are not verified.`)

export const holderCpf = lazy(() => cpf('CPF of the card holder.'))

export const firstSixDigits = lazy(() =>
  z
    .string()
    .regex(/^\d{6}$/, 'must be exactly six digits')
    .describe('First six digits of the card (its BIN), exactly six. Never send more of the number.'),
)

export const lastFourDigits = lazy(() =>
  z
    .string()
    .regex(/^\d{4}$/, 'must be exactly four digits')
    .describe('Last four digits of the card, exactly four. Never send more of the number.'),
)

export const ip = lazy(() =>
  z
    .union([z.ipv4(), z.ipv6()])
    .describe('IP address of the person, IPv4 or IPv6; not the address of the agent or of a proxy.'),
)

export const userAgent = lazy(() => text('User-Agent of the person’s browser or app.', 1024))

export const referrer = lazy(() => text('Address of the page that led to this view.', 2048))

export const email = lazy(() =>
  z.email().max(254).describe('E-mail address of the account. At most 254 characters.'),
)

export const phone = lazy(() =>
  z
    .string()
    .regex(/^\+?[0-9 ().-]{6,31}$/, 'must be a phone number')
    .describe('Phone number of the account, best in E.164 (+5511987654321).'),
)

export const installments = lazy(() =>
  z.int().min(1).max(99).describe('Number of instalments, 1 to 99. Credit only.'),
)

export const paymentMethod = lazy(() =>
  z.enum(['credit', 'debit', 'boleto', 'pix']).describe('How it was paid: credit, debit, boleto or pix.'),
)

const part = (what: string, longest: number) => z.string().min(1).max(longest).describe(what)

/** A postal address; every part is optional. `zip_code` is the name that Legiti's documents use. */
export const address = (whose: string) =>
  z
    .strictObject({
      street: part('Street, without the number.', 256).optional(),
      number: part('House number, as text ("252", "s/n").', 32).optional(),
      complement: part('Flat, floor, block.', 256).optional(),
      neighborhood: part('Neighbourhood (bairro).', 128).optional(),
      city: part('City.', 128).optional(),
      state: part('State, best as two letters (SP).', 64).optional(),
      zip_code: part('Postal code (CEP): 01310-100.', 16).optional(),
      country: part('Country, best as two letters (BR).', 64).optional(),
    })
    .describe(`${whose} Every part is optional.`)

export const saleItems = lazy(() =>
  z
    .array(
      z.strictObject({
        item_id: id('Id of the item or ticket type.').optional(),
        event_id: eventId().optional(),
        event_date_id: eventDateId().optional(),
        name: text('Name of the item.', 256).optional(),
        category: text('Category of the item.', 128).optional(),
        quantity: z.int().min(1).max(100_000).describe('How many, 1 to 100000.').optional(),
        unit_price: amount('Price of one.').optional(),
      }),
    )
    .max(MOST_SALE_ITEMS)
    .describe(`What was sold, at most ${MOST_SALE_ITEMS} lines.`),
)

export const eventDates = lazy(() =>
  z
    .array(
      z.strictObject({
        event_date_id: eventDateId().optional(),
        datetime: timestamp()
          .describe('When this date starts, in Unix seconds (UTC), not milliseconds.')
          .optional(),
        venue: text('Where it takes place.', 256).optional(),
        capacity: z.int().min(0).max(10_000_000).describe('How many people fit.').optional(),
      }),
    )
    .max(MOST_EVENT_DATES)
    .describe(`The dates of the event, at most ${MOST_EVENT_DATES}.`),
)

/** The means of payment of a sale; of the card never more than six and four digits. */
export const payment = lazy(() =>
  z
    .strictObject({
      method: paymentMethod().optional(),
      first_six_digits_cc: firstSixDigits().optional(),
      last_four_digits_cc: lastFourDigits().optional(),
      installments: installments().optional(),
      holder_cpf: holderCpf().optional(),
    })
    .describe('How the sale was paid. Every part is optional.'),
)
