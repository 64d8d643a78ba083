import { invalidRequestError } from '../util/errors.ts'
import type { Alternative, ArrayRule, ObjectRule, StringRule, Term } from './clause.ts'
import { ALL_KINDS } from './clause.ts'
import type { NumberRule } from './number-language.ts'
import type { SchemaTerms } from './schema-terms.ts'

/** One way to match a schema: a value of any of `kinds` that keeps all rules of its kind. */
export interface Branch {
  readonly kinds: number
  readonly strings: readonly StringRule[]
  readonly numbers: readonly NumberRule[]
  readonly arrays: readonly ArrayRule[]
  readonly objects: readonly ObjectRule[]
}

/** Choices still to be made, with the schemas they come from, innermost first. */
interface Choice {
  readonly alternatives: readonly Alternative[]
  readonly path: Path | undefined
}
interface Path {
  readonly term: Term
  readonly outer: Path | undefined
}
interface Work {
  readonly branch: Branch
  readonly done: ReadonlySet<Term>
  readonly choices: readonly Choice[]
}

const MOST_BRANCHES = 2000
const EVERYTHING: Branch = { kinds: ALL_KINDS, strings: [], numbers: [], arrays: [], objects: [] }

/** The ways in which a value can match all the terms: everything that combines schemas in place is worked out here. */
export function expandTerms(schemas: SchemaTerms, terms: readonly Term[]): Branch[] {
  const found: Branch[] = []
  const stack: Work[] = [{ branch: EVERYTHING, done: new Set(), choices: [{ alternatives: [{ terms }], path: undefined }] }]
  let seen = 0
  while (stack.length > 0) {
    const work = stack.pop()!
    schemas.budget.spend(3 + work.done.size, () => 'the JSON schema')
    // What leaves no choice goes first: it may rule out most of the others.
    const certain = work.choices.findIndex(({ alternatives }) => alternatives.length < 2)
    const index = Math.max(certain, 0)
    const choice = work.choices[index]
    if (!choice) {
      found.push(work.branch)
      continue
    }
    const others = work.choices.filter((_, i) => i !== index)
    // The last is looked at first, so that branches come out in the order in which they were written.
    for (const alternative of [...choice.alternatives].reverse()) {
      const next = take(schemas, { ...work, choices: others }, alternative, choice.path)
      if (next) stack.push(next)
      if (++seen > MOST_BRANCHES * 10 || found.length > MOST_BRANCHES) throw tooMany(schemas, terms)
    }
  }
  return found
}

const tooMany = (schemas: SchemaTerms, terms: readonly Term[]) =>
  invalidRequestError(
    `the JSON schema at ${places(schemas, terms)} combines to more than ${MOST_BRANCHES} cases; use fewer anyOf, oneOf and dependencies`,
  )

const places = (schemas: SchemaTerms, terms: readonly Term[]) => terms.map((term) => `"${schemas.pointerOf(term)}"`).join(' and ')

/** Adds one alternative to a branch; undefined when nothing can match any more. */
function take(schemas: SchemaTerms, work: Work, alternative: Alternative, path: Path | undefined): Work | undefined {
  const kinds = work.branch.kinds & (alternative.kinds ?? ALL_KINDS)
  if (kinds === 0) return undefined
  const { strings, numbers, arrays, objects } = work.branch
  const branch: Branch = {
    kinds,
    strings: alternative.string ? [...strings, alternative.string] : strings,
    numbers: alternative.number ? [...numbers, alternative.number] : numbers,
    arrays: alternative.array ? [...arrays, alternative.array] : arrays,
    objects: alternative.object ? [...objects, alternative.object] : objects,
  }
  if (!alternative.terms || alternative.terms.length === 0) return { ...work, branch }
  const done = new Set(work.done)
  const choices = [...work.choices]
  for (const term of alternative.terms) {
    for (let at = path; at; at = at.outer) if (Math.abs(at.term) === Math.abs(term)) throw endless(schemas, term)
    if (done.has(-term)) return undefined
    if (done.has(term)) continue
    done.add(term)
    const inner: Path = { term, outer: path }
    const clauses = schemas.clausesOf(term)
    if (term < 0) choices.push({ alternatives: clauses.flatMap((clause) => clause.no()), path: inner })
    else for (const clause of clauses) choices.push({ alternatives: clause.yes(), path: inner })
  }
  return { branch, done, choices }
}

const endless = (schemas: SchemaTerms, term: Term) =>
  invalidRequestError(
    `the JSON schema at "${schemas.pointerOf(term)}" refers back to itself with no property or item in between; take the $ref out`,
  )
