import { modelLoadError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import type { Int4Format } from './int4-layouts.ts'
import { QUANT_GROUP } from './quantize.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * How config.json, or the config of a part in it, says that weights were quantized; undefined if it does not.
 * Errors: ModelLoadError for what cannot be loaded.
 */
export function int4FormatOf(model: string, config: Json): Int4Format | undefined {
  const found = [config, ...Object.values(config)].map(quantizationOf).find((each) => each !== undefined)
  return found && readFormat(model, found)
}

const quantizationOf = (value: unknown): Json | undefined => {
  const nested = isRecord(value) ? value['quantization_config'] : undefined
  return isRecord(nested) ? nested : undefined
}

function readFormat(model: string, config: Json): Int4Format {
  const method = config['quant_method']
  const expect = (field: string, value: unknown, allowed: readonly unknown[]): void => {
    if (allowed.includes(value)) return
    throw modelLoadError(
      `${model} was quantized with ${field} ${showValue(value)}; allowed are ${allowed.filter((each) => each !== undefined).join(', ')}. Use another ` +
        "checkpoint, or the model before it was quantized, with the option quantization: 'q4'.",
    )
  }
  expect('quant_method', method, ['awq', 'gptq'])
  expect('bits', config['bits'] ?? config['w_bit'], [4])
  if (method === 'awq') expect('version', lowerCase(config['version']), ['gemm', undefined])
  const group = config['group_size'] ?? config['q_group_size'] ?? 128
  const groupSize = group === -1 ? undefined : Number(group)
  if (groupSize !== undefined && !(groupSize > 0 && groupSize % QUANT_GROUP === 0)) {
    throw modelLoadError(`${model} was quantized with group_size ${showValue(group)}; allowed are -1 and multiples of ${QUANT_GROUP}.`)
  }
  return {
    method: method as Int4Format['method'],
    groupSize,
    symmetric: method === 'gptq' && config['sym'] !== false,
    zeroOffset: method === 'gptq' && config['checkpoint_format'] !== 'gptq_v2' ? 1 : 0,
  }
}

const lowerCase = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value)

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
