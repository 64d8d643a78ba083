const blocks = [
  { open: '{#', close: '#}' },
  { open: '{{', close: '}}' },
  { open: '{%', close: '%}' },
] as const

const rawEnd = /\{%[-+]?\s*endraw\s*[-+]?%\}/g

/** Where the code that starts at `from` ends: past `close`, which inside of quotes is text. */
function endOfCode(template: string, from: number, close: string): { code: string; end: number } {
  let code = ''
  let quote = ''
  for (let at = from; at < template.length; at++) {
    const char = template[at] as string
    if (quote !== '') {
      if (char === '\\') at++
      else if (char === quote) quote = ''
    } else if (char === '"' || char === "'") {
      quote = char
      code += ' '
    } else if (template.startsWith(close, at)) return { code, end: at + close.length }
    else code += char
  }
  return { code, end: template.length }
}

/** The template's code with its strings left out, and its source without comments. */
function readTemplate(template: string): { code: string; source: string } {
  let code = ''
  let source = ''
  let at = 0
  while (at < template.length) {
    const block = blocks.find(({ open }) => template.startsWith(open, at))
    if (block === undefined) {
      source += template[at++]
      continue
    }
    if (block.open === '{#') {
      const end = template.indexOf(block.close, at + 2)
      at = end < 0 ? template.length : end + 2
      continue
    }
    const read = endOfCode(template, at + 2, block.close)
    let end = read.end
    if (block.open === '{%' && /^[-+]?\s*raw\s*[-+]?$/.test(read.code)) {
      rawEnd.lastIndex = end
      end = rawEnd.exec(template) === null ? template.length : rawEnd.lastIndex
    } else code += `${read.code} ; `
    source += template.slice(at, end)
    at = end
  }
  return { code, source }
}

/**
 * How a Jinja chat template has tool calls written: 'hermes' is <tool_call>{"name", "arguments"}</tool_call> (Qwen2.5, Hermes), 'json'
 * a bare {"name", "parameters"} (Llama 3). Null for a template that never looks at the variable `tools`, which takes none.
 */
export function toolFormatOf(template: string): 'hermes' | 'json' | null {
  const { code, source } = readTemplate(template)
  if (!/(?<![\w.]|\.\s)tools\b/.test(code)) return null
  return source.includes('<tool_call>') ? 'hermes' : 'json'
}
