import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Grammar } from '../../../src/grammar/index.ts'
import { acceptsValue, schemaGrammar } from './json-schema.ts'

interface Group {
  readonly file: string
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[]
}

// npm's json-schema-test-suite holds drafts 3 and 4. Draft 3 has another syntax altogether.
const FOLDER = join(import.meta.dirname, '../../../node_modules/json-schema-test-suite/tests/draft4')
const files = [...readdirSync(FOLDER), ...readdirSync(join(FOLDER, 'optional')).map((name) => `optional/${name}`)].filter((name) =>
  name.endsWith('.json'),
)
const groups = files.flatMap((file) =>
  (JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Omit<Group, 'file'>[]).map((group): Group => ({ ...group, file })),
)

/** What is refused, by the keyword the error names. */
const REFUSED = { $ref: 7, uniqueItems: 1 }

/** Instances about which a later draft says the opposite of draft 4. */
const LATER_DRAFTS = new Set([
  // 2020-12: 1.0 is an integer. (And JavaScript can not tell it from 1.)
  'a float is not an integer even without fractional part',
  // 2020-12: uri is a URI of RFC 3986, which has a scheme; without one it is a uri-reference.
  'a valid protocol-relative URI',
])

function compile(group: Group): Grammar | string {
  try {
    // So that $ref makes its neighbours void, as in draft 4.
    return schemaGrammar({ $schema: 'http://json-schema.org/draft-04/schema#', ...group.schema })
  } catch (error) {
    return /(\S+)( "[^"]*")? at \//.exec((error as Error).message)?.[1] ?? (error as Error).message
  }
}

const compiled = groups.map((group) => ({ group, grammar: compile(group) }))

describe('the JSON-Schema test suite, draft 4', () => {
  it('refuses only groups that need remote schemas or unique items', () => {
    const counts: Record<string, number> = {}
    for (const { grammar } of compiled) if (typeof grammar === 'string') counts[grammar] = (counts[grammar] ?? 0) + 1
    expect(counts).toEqual(REFUSED)
    expect(groups.length).toBe(89)
  })

  for (const { group, grammar } of compiled) {
    if (typeof grammar === 'string') continue
    it(`${group.file}: ${group.description}`, () => {
      const wrong = group.tests.filter(({ data, valid }) => acceptsValue(grammar, data) !== valid).map(({ description }) => description)
      expect(wrong).toEqual(group.tests.map(({ description }) => description).filter((description) => LATER_DRAFTS.has(description)))
    })
  }
})
