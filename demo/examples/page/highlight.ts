import { make } from '../../dom.ts'

const token =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|(?<word>\b(?:async|await|const|export|for|function|import|let|new|return)\b|\b(?:from(?= ')|of(?= [\w[])|type(?= [A-Z])))|(?<number>\b\d[\d_.]*\b)/g

/** TypeScript as text and coloured pieces. */
export function highlight(code: string): (Node | string)[] {
  const pieces: (Node | string)[] = []
  let end = 0
  for (const match of code.matchAll(token)) {
    const [className = ''] = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined) ?? []
    pieces.push(code.slice(end, match.index), make('span', { className }, match[0]))
    end = match.index + match[0].length
  }
  return [...pieces, code.slice(end)]
}
