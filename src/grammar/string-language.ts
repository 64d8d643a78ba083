import type { Budget } from './budget.ts'
import { combine, intersect, languageOfLengths, languageOfTexts } from './build-dfa.ts'
import type { StringRule } from './clause.ts'
import { languageOfRegex } from './determinize.ts'
import type { Dfa, Language } from './dfa.ts'
import { LengthLanguage } from './dfa.ts'

/** Makes languages of strings from rules, each only once. */
export class StringLanguages {
  readonly #budget: Budget
  readonly #known = new Map<string, Language>()
  readonly #tables = new Map<string, Dfa>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** The strings that keep all rules. */
  of(rules: readonly StringRule[]): Language {
    const key = JSON.stringify(rules)
    let language = this.#known.get(key)
    if (!language) this.#known.set(key, (language = this.#make(rules)))
    return language
  }

  /** The same as a table, whose states can be combined and counted. */
  tableOf(rules: readonly StringRule[]): Dfa {
    const [min, max] = lengthsOf(rules)
    const what = () => whatOf(rules)
    const parts = rules.flatMap((rule) => (rule.kind === 'length' ? [] : [{ table: this.#tableOfRule(rule), not: rule.not }]))
    const within = parts.filter(({ not }) => !not).map(({ table }) => table)
    if (min > 0 || max < Infinity || within.length === 0) within.push(languageOfLengths(min, Math.max(min - 1, max), this.#budget, what))
    const without = parts.filter(({ not }) => not).map(({ table }) => table)
    return intersect(within, without, this.#budget, what)
  }

  /** The strings that keep the rules of any of the lists. */
  tableOfAny(lists: readonly (readonly StringRule[])[]): Dfa {
    const tables = lists.map((rules) => this.tableOf(rules))
    if (tables.length === 1) return tables[0]!
    const label = (labels: readonly number[]) => (labels.some((found) => found >= 0) ? 0 : -1)
    const alive = (states: readonly number[]) => states.some((state) => state >= 0)
    return combine(tables, { label, alive }, this.#budget, () => "the JSON schema's propertyNames")
  }

  /** The strings in which a pattern matches. */
  tableOfPattern(pattern: string, where: string): Dfa {
    return this.#tableOfRule({ kind: 'pattern', pattern, search: true, not: false, where })
  }

  #make(rules: readonly StringRule[]): Language {
    if (rules.every((rule) => rule.kind === 'length')) return new LengthLanguage(...lengthsOf(rules))
    return this.tableOf(rules)
  }

  #tableOfRule(rule: Exclude<StringRule, { kind: 'length' }>): Dfa {
    const key = rule.kind === 'texts' ? `t${JSON.stringify(rule.texts)}` : `${rule.search ? 's' : 'p'}${rule.pattern}`
    let table = this.#tables.get(key)
    if (table) return table
    table =
      rule.kind === 'texts'
        ? languageOfTexts(rule.texts, this.#budget, () => "the JSON schema's enum")
        : languageOfRegex(rule.pattern, rule.search, rule.where, this.#budget)
    this.#tables.set(key, table)
    return table
  }
}

function lengthsOf(rules: readonly StringRule[]): [number, number] {
  let [min, max] = [0, Infinity]
  for (const rule of rules) {
    if (rule.kind !== 'length') continue
    min = Math.max(min, rule.min)
    max = Math.min(max, rule.max)
  }
  return [min, max]
}

function whatOf(rules: readonly StringRule[]): string {
  const pattern = rules.find((rule) => rule.kind === 'pattern')
  return pattern ? `${pattern.where} together with the other rules for the same string` : "the JSON schema's set of strings"
}
