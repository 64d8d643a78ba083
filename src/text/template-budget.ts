/** Limits of one rendering. An ordinary chat takes a few hundred steps and some kilobytes. */
export const templateLimits = {
  /** Nodes evaluated, plus the elements and kilobytes that they go through. */
  steps: 100_000,
  /** Nodes within nodes, called macros included. */
  depth: 500,
  /** Characters of any text made on the way, the result included. */
  characters: 4_000_000,
  /** Numbers that one range() may give. */
  range: 10_000,
  /** Characters of the template. */
  source: 1_000_000,
}

/** A value of the template language, as far as its cost depends on it. */
export interface Weighed {
  type: string
  value: unknown
}

/** How the surroundings of an expression use its value: look at it, go through its elements, or write all of it out. */
type Use = 'items' | 'whole'

interface Node {
  type: string
  [key: string]: unknown
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

// These look at one element or at the length; the other filters go through all of what they are given.
const cheapFilters = new Set(['length', 'count', 'first', 'last', 'list', 'default', 'safe'])
const writingFilters = new Set(['tojson', 'string', 'join'])

function filterName(filter: unknown): string {
  const callee = isNode(filter) && filter.type === 'CallExpression' ? filter['callee'] : filter
  return isNode(callee) ? String(callee['value']) : ''
}

function filterUse(filter: unknown): Use | undefined {
  const name = filterName(filter)
  if (cheapFilters.has(name)) return undefined
  return writingFilters.has(name) ? 'whole' : 'items'
}

function operatorUse(operator: unknown): Use | undefined {
  const name = isNode(operator) ? operator['value'] : undefined
  if (name === 'and' || name === 'or') return undefined
  return name === 'in' || name === 'not in' ? 'items' : 'whole'
}

/** The children of a node whose values it goes through, with the way it does. */
function usesOf(node: Node): [child: unknown, use: Use | undefined][] {
  const printed = (key: string): [unknown, Use][] => (Array.isArray(node[key]) ? node[key].map((child) => [child, 'whole']) : [])
  switch (node.type) {
    case 'For': {
      const source = node['iterable']
      const list = isNode(source) && source.type === 'SelectExpression' ? source['lhs'] : source
      return [[list, 'items'], ...printed('body'), ...printed('defaultBlock')]
    }
    case 'If':
      return [...printed('body'), ...printed('alternate')]
    case 'Program':
    case 'Set':
    case 'Macro':
    case 'CallStatement':
    case 'FilterStatement':
      return printed('body')
    case 'FilterExpression':
      return [[node['operand'], filterUse(node['filter'])]]
    case 'BinaryExpression': {
      const use = operatorUse(node['operator'])
      return [
        [node['left'], use],
        [node['right'], use],
      ]
    }
    case 'MemberExpression': {
      const property = node['property']
      return [[node['object'], isNode(property) && property.type === 'SliceExpression' ? 'items' : undefined]]
    }
    case 'SpreadExpression':
    case 'KeywordSpreadExpression':
      return [[node['argument'], 'items']]
    default:
      return []
  }
}

/** Finds, before a template runs, every expression whose value is gone through, so that its size can be charged before that. */
export function findUses(program: unknown): WeakMap<object, Use> {
  const uses = new WeakMap<object, Use>()
  const visit = (value: unknown): void => {
    if (value instanceof Map) {
      for (const [key, item] of value) {
        visit(key)
        visit(item)
      }
    } else if (Array.isArray(value)) value.forEach(visit)
    else if (isNode(value)) {
      for (const [child, use] of usesOf(value)) if (use && isNode(child)) uses.set(child, use)
      Object.values(value).forEach(visit)
    }
  }
  visit(program)
  return uses
}

/** Counts what a rendering costs and ends it, by throwing, when it costs too much. */
export interface TemplateBudget {
  /** Counts one evaluated node and the value that came of it. */
  charge(node: object, value: Weighed): void
}

/** `exceeded` makes the error to throw from what was exceeded. */
export function createTemplateBudget(uses: WeakMap<object, Use>, exceeded: (what: string) => Error): TemplateBudget {
  let steps = 0
  const spend = (n: number) => {
    steps += n
    if (steps > templateLimits.steps) throw exceeded(`takes more than ${templateLimits.steps} steps`)
  }
  const ofText = (text: string): number => text.length >> 10
  /** Visits every element, shared ones as often as they would be written, which ends early because each visit is charged. */
  const spendWhole = (value: Weighed) => {
    const open: unknown[] = [value]
    while (open.length > 0) {
      const inner = (open.pop() as Weighed | undefined)?.value
      spend(1)
      if (typeof inner === 'string') spend(ofText(inner))
      else if (Array.isArray(inner)) for (const item of inner) open.push(item)
      else if (inner instanceof Map) open.push(...inner.values())
    }
  }
  return {
    charge(node, value) {
      spend(1)
      const { value: inner } = value
      const use = uses.get(node)
      if (typeof inner === 'string') {
        if (inner.length > templateLimits.characters) throw exceeded(`makes a text of more than ${templateLimits.characters} characters`)
        spend(ofText(inner))
      } else if (use === 'whole') spendWhole(value)
      else if (Array.isArray(inner)) spend(use === 'items' ? inner.length : inner.length >> 8)
      else if (inner instanceof Map && use === 'items') spend(inner.size)
    },
  }
}
