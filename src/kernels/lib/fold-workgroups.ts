/** WebGPU's least limit of workgroups along one axis. */
const MAX_PER_AXIS = 65535

/** Workgroups for `count` of them in a row, folded into y where one axis cannot hold them; the shader skips those past the end. */
export function foldWorkgroups(count: number): readonly [number, number] {
  const rows = Math.max(1, Math.ceil(count / MAX_PER_AXIS))
  return [Math.ceil(count / rows), rows]
}
