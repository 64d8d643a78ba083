/**
 * A chat template that takes tools, in the manner of Hermes: definitions in the system turn, calls in <tool_call> tags, results in
 * <tool_response> tags. Works with ChatML models, and with pictures where these are <|vision_start|><|image_pad|><|vision_end|>.
 */
export const hermesTemplate = `{#- Turns of ChatML. Tools: <tool_call> objects with "name" and "arguments". -#}
{%- macro write(content) -%}
  {%- if content is string -%}{{- content -}}
  {%- else -%}
    {%- for part in content or [] -%}
      {%- if part.type == 'text' -%}{{- part.text -}}
      {%- elif part.type == 'image' -%}{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- set first = messages[0] -%}
{%- set has_system = first.role == 'system' -%}
{{- '<|im_start|>system\\n' -}}
{%- if has_system -%}{{- write(first.content) -}}{%- else -%}{{- 'You help people.' -}}{%- endif -%}
{%- if tools -%}
  {{- '\\n\\nFunctions you may call:\\n' -}}
  {%- for tool in tools -%}{{- tool | tojson -}}{{- '\\n' -}}{%- endfor -%}
  {{- 'Call one by writing <tool_call>\\n{"name": its name, "arguments": its arguments}\\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- for message in messages -%}
  {%- if message.role == 'tool' -%}
    {{- '<|im_start|>user\\n<tool_response>\\n' -}}{{- write(message.content) -}}{{- '\\n</tool_response><|im_end|>\\n' -}}
  {%- elif not (loop.first and has_system) -%}
    {{- '<|im_start|>' ~ message.role ~ '\\n' -}}{{- write(message.content) -}}
    {%- for call in message.tool_calls or [] -%}
      {{- '\\n<tool_call>\\n{"name": ' -}}{{- call.function.name | tojson -}}
      {{- ', "arguments": ' -}}{{- call.function.arguments | tojson -}}{{- '}\\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`
