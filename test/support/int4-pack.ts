import { encodeHalves } from '../../src/util/half.ts'

/** A matrix before it is packed: code of row and column, zero point and scale of row and group. */
export interface Codes {
  readonly inputs: number
  readonly outputs: number
  readonly group: number
  code(row: number, col: number): number
  zero(row: number, group: number): number
  scale(row: number, group: number): number
}

/** What the matrix means. */
export const meaning = ({ code, zero, scale, group }: Codes, row: number, col: number): number =>
  (code(row, col) - zero(row, Math.floor(col / group))) * scale(row, Math.floor(col / group))

/** A tensor as it goes into a safetensors file. */
export type PackedTensor = [dtype: string, shape: number[], data: Uint32Array | Uint16Array]

const AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]

/** In AutoAWQ's layout: words run over outputs, whose order in a word is 0, 2, 4, 6, 1, 3, 5, 7. */
export function awq(codes: Codes): Record<string, PackedTensor> {
  const { inputs, outputs, group, code, zero, scale } = codes
  const word = (at: (row: number) => number, c: number): number => AWQ_ORDER.reduce((sum, j, i) => sum + at(8 * c + j) * 16 ** i, 0)
  const table = (rows: number, at: (row: number, i: number) => number): Uint32Array =>
    Uint32Array.from({ length: (rows * outputs) / 8 }, (_, i) => word((row) => at(row, Math.floor(i / (outputs / 8))), i % (outputs / 8)))
  return {
    qweight: ['I32', [inputs, outputs / 8], table(inputs, code)],
    qzeros: ['I32', [inputs / group, outputs / 8], table(inputs / group, zero)],
    scales: [
      'F16',
      [inputs / group, outputs],
      encodeHalves(Array.from({ length: (inputs / group) * outputs }, (_, i) => scale(i % outputs, Math.floor(i / outputs)))),
    ],
  }
}

/** In GPTQ's layout: words of weights run over inputs, those of zero points over outputs, less `offset`. */
export function gptq(codes: Codes, offset: number, groups?: number[]): Record<string, PackedTensor> {
  const { inputs, outputs, group, code, zero, scale } = codes
  const word = (at: (j: number) => number): number => Array.from({ length: 8 }, (_, j) => at(j) * 16 ** j).reduce((a, b) => a + b)
  const [rows, zeros] = [inputs / 8, inputs / group]
  return {
    g_idx: ['I32', [inputs], Uint32Array.from(groups ?? Array.from({ length: inputs }, (_, k) => Math.floor(k / group)))],
    qweight: [
      'I32',
      [rows, outputs],
      Uint32Array.from({ length: rows * outputs }, (_, i) => word((j) => code(i % outputs, 8 * Math.floor(i / outputs) + j))),
    ],
    qzeros: [
      'I32',
      [zeros, outputs / 8],
      Uint32Array.from({ length: (zeros * outputs) / 8 }, (_, i) =>
        word((j) => (zero(8 * (i % (outputs / 8)) + j, Math.floor(i / (outputs / 8))) - offset + 16) & 15),
      ),
    ],
    scales: [
      'F16',
      [zeros, outputs],
      encodeHalves(Array.from({ length: zeros * outputs }, (_, i) => scale(i % outputs, Math.floor(i / outputs)))),
    ],
  }
}
