import { isRecord, type ToolDefinition } from './tool-definitions.ts'

type Schema = Record<string, unknown>

/** Keywords whose object is a map of schemas by name, so that its keys are no keywords. */
const maps = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])
/** Keywords that hold data, not schemas. */
const data = new Set(['const', 'enum', 'default', 'examples'])

/** The schema with its references into itself made references to the place where it stands now. */
function moveReferences(schema: unknown, place: string, isMap = false): unknown {
  if (Array.isArray(schema)) return schema.map((item) => moveReferences(item, place))
  // Below an $id, references are relative to that, wherever it stands.
  if (!isRecord(schema) || (!isMap && typeof schema['$id'] === 'string')) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (isMap) return [key, moveReferences(value, place)]
      if (key === '$ref' && typeof value === 'string' && /^#(?:\/|$)/.test(value)) return [key, place + value.slice(1)]
      return [key, data.has(key) ? value : moveReferences(value, place, maps.has(key))]
    }),
  )
}

/** What the arguments of a tool must look like. A function that declares no parameters gets {}. */
export function argumentsSchema({ parameters }: ToolDefinition): Schema {
  if (parameters === undefined) return { type: 'object', properties: {}, additionalProperties: false }
  return { type: 'object', ...parameters }
}

/** What an answer with tool_choice 'required' looks like: a list of { name, parameters }, one of the tools each. */
export function requiredSchema(tools: readonly ToolDefinition[], parallel: boolean): Schema {
  const calls = tools.map((tool, i) => ({
    type: 'object',
    properties: {
      name: { const: tool.name },
      parameters: moveReferences(argumentsSchema(tool), `#/items/anyOf/${i}/properties/parameters`),
    },
    required: ['name', 'parameters'],
    additionalProperties: false,
  }))
  return { type: 'array', minItems: 1, ...(parallel ? {} : { maxItems: 1 }), items: { anyOf: calls } }
}
