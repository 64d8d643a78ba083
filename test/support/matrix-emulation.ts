import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts'
import type { Step } from '../../src/gpu/step.ts'

// Kernels with subgroup matrices in plain WGSL, so that their logic can be tested where there are none: a factor is a whole matrix in every
// thread, of a result every lane has eight values, and subgroups are 32 threads by their index. Slow, and only for small shapes.

const PARTS = `
alias EmulatedFactor = array<f32, 256>;
alias EmulatedResult = array<f32, 8>;
var<private> emulated_thread: u32;

fn emulated_multiply(left: EmulatedFactor, right: EmulatedFactor, sum: EmulatedResult) -> EmulatedResult {
  var l = left;
  var r = right;
  var result = sum;
  for (var e = 0u; e < 8u; e++) {
    let at = emulated_thread % 32u * 8u + e;
    for (var k = 0u; k < 16u; k++) { result[e] += l[at / 16u * 16u + k] * r[k * 16u + at % 16u]; }
  }
  return result;
}
`

const SHUFFLE = `
var<workgroup> emulated_shuffled: array<f32, 1024>;
fn emulated_shuffle(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  emulated_shuffled[emulated_thread] = value;
  workgroupBarrier();
  return emulated_shuffled[emulated_thread / 32u * 32u + lane];
}
fn emulated_shuffle_xor(value: f32, mask: u32) -> f32 {
  return emulated_shuffle(value, (emulated_thread ^ mask) % 32u);
}
`

/** A matrix's loads and stores by the array they go to; f16 values lie in pairs, eight in a vec4<u32>, f32 ones four in a vec4. */
const accessTo = (array: string, element: string): string => {
  const value = element === 'f32' ? `${array}[at / 4u][at % 4u]` : `bitcast<f32>(${array}[at / 4u][at % 4u])`
  const store = element === 'f32' ? 'result[e]' : 'bitcast<u32>(result[e])'
  return `
fn emulated_half_${array}(at: u32) -> f32 { return unpack2x16float(${element === 'f32' ? `bitcast<u32>(${array}[at / 8u][at % 8u / 2u])` : `${array}[at / 8u][at % 8u / 2u]`})[at % 2u]; }
fn emulated_rows_${array}(place: u32, stride: u32) -> EmulatedFactor {
  var factor: EmulatedFactor;
  for (var i = 0u; i < 256u; i++) { factor[i] = emulated_half_${array}((place + i / 16u * stride) * 8u + i % 16u); }
  return factor;
}
fn emulated_columns_${array}(place: u32, stride: u32) -> EmulatedFactor {
  var factor: EmulatedFactor;
  for (var i = 0u; i < 256u; i++) { factor[i] = emulated_half_${array}((place + i % 16u * stride) * 8u + i / 16u); }
  return factor;
}
fn emulated_result_${array}(place: u32, stride: u32) -> EmulatedResult {
  var result: EmulatedResult;
  for (var e = 0u; e < 8u; e++) {
    let i = emulated_thread % 32u * 8u + e;
    let at = (place + i / 16u * stride) * 4u + i % 16u;
    result[e] = ${value};
  }
  return result;
}
fn emulated_store_${array}(place: u32, value: EmulatedResult, stride: u32) {
  var result = value;
  for (var e = 0u; e < 8u; e++) {
    let i = emulated_thread % 32u * 8u + e;
    let at = (place + i / 16u * stride) * 4u + i % 16u;
    ${array}[at / 4u][at % 4u] = ${store};
  }
}
`
}

const kernels = new Map<string, Kernel>()

/** The same kernel without subgroups, matrices and f16. */
export function emulated(kernel: Kernel): Kernel {
  let found = kernels.get(kernel.name)
  if (!found) {
    const source = kernel.source
      .replace(/^(enable|diagnostic)[^\n]*$/gm, '')
      .replace(/subgroup_matrix_(left|right)<f16, 16, 16>/g, 'EmulatedFactor')
      .replace(/subgroup_matrix_result<f32, 16, 16>/g, 'EmulatedResult')
      .replace(/subgroupMatrixLoad<Result, row_major>\(&(\w+), /g, 'emulated_result_$1(')
      .replace(/subgroupMatrixLoad<\w+, row_major>\(&(\w+), /g, 'emulated_rows_$1(')
      .replace(/subgroupMatrixLoad<\w+, col_major>\(&(\w+), /g, 'emulated_columns_$1(')
      .replace(/subgroupMatrixStore<row_major>\(&(\w+), /g, 'emulated_store_$1(')
      .replaceAll('subgroupMatrixMultiplyAccumulate(', 'emulated_multiply(')
      .replaceAll('subgroupShuffleXor(', 'emulated_shuffle_xor(')
      .replaceAll('subgroupShuffle(', 'emulated_shuffle(')
      .replaceAll('bitcast<vec2<f16>>(', 'unpack2x16float(')
      .replaceAll('bitcast<u32>((unpack2x16float', 'pack2x16float((unpack2x16float')
      .replace(/(\d\.\d)h/g, '$1')
      .replace(/\bf16\b(?! *[a-z—,.;)])/g, 'f32')
      .replace(/: f16/g, ': f32')
      .replace('alias act = f16', 'alias act = f32')
      .replace(/(fn main\([\s\S]*?\) \{\n)/, '$1  emulated_thread = thread;\n')
    const arrays = [...source.matchAll(/var<workgroup> (\w+): array<vec4<(u32|f32)>/g)].map(([, name = '', element = '']) =>
      accessTo(name, element),
    )
    const { name, buffers, params } = kernel
    found = defineKernel({ name: `${name}-emulated`, buffers, ...(params && { params }), code: [PARTS, SHUFFLE, ...arrays, source] })
    kernels.set(kernel.name, found)
  }
  return found
}

/** A step on which kernels with subgroup matrices may be recorded; they are emulated. */
export const emulatingStep = (step: Step): Step => ({
  software: false,
  abilities: { ...step.abilities, f16: true, matrices: true, lockstep: false, workgroupMemory: 49152, subgroup: 32 },
  none: step.none,
  scratch: (dtype, shape) => step.scratch(dtype, shape),
  constant: (data, shape) => step.constant(data, shape),
  dispatch: (kernel, call) => step.dispatch((kernel.features ?? []).length > 0 ? emulated(kernel) : kernel, call),
})
