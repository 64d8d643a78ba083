import type { ToolCallParser, ToolDelta } from '../../../../src/server/tools/tool-delta.ts'

/** What a reader of all deltas ends up with. */
export interface JoinedAnswer {
  content: string
  calls: { id: string; name: string; arguments: string }[]
  called: boolean
}

/** Puts deltas together as OpenAI's clients do, and throws where these would stumble. */
export function joinDeltas(deltas: readonly ToolDelta[]): Omit<JoinedAnswer, 'called'> {
  let content = ''
  const calls: JoinedAnswer['calls'] = []
  for (const delta of deltas) {
    if ('content' in delta) {
      if (delta.content === '') throw new Error('a content delta without content')
      content += delta.content
      continue
    }
    const { index, id, type, function: part } = delta.tool_call
    const call = calls[index]
    if (call === undefined) {
      if (index !== calls.length || id === undefined || type !== 'function' || part.name === undefined || part.arguments !== '') {
        throw new Error(`a call begins with ${JSON.stringify(delta)}`)
      }
      calls.push({ id, name: part.name, arguments: '' })
    } else {
      if (id !== undefined || type !== undefined || part.name !== undefined || !part.arguments) {
        throw new Error(`a call goes on with ${JSON.stringify(delta)}`)
      }
      call.arguments += part.arguments
    }
  }
  return { content, calls }
}

/** Ids 'call_0', 'call_1', … */
export function countingIds(): () => string {
  let next = 0
  return () => `call_${next++}`
}

/** The whole of an answer that comes in these pieces. */
export function readAnswer(parser: ToolCallParser, pieces: readonly string[]): JoinedAnswer {
  const deltas = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()]
  return { ...joinDeltas(deltas), called: parser.called }
}

/** Ways of cutting a text: every place for one cut, single characters, and threes. */
export function* waysToCut(text: string): Generator<string[]> {
  for (let at = 1; at < text.length; at++) yield [text.slice(0, at), text.slice(at)]
  yield text.split('')
  yield text.match(/[\s\S]{1,3}/g) ?? []
  yield ['', text, '']
}
