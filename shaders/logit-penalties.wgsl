// Penalties on tokens seen before, per row:
//   in prompt or output: logit / repetition if positive, else logit · repetition;
//   in the output, c times: then − frequency · c − presence.
//
// counts[slot, token] holds the output count in its low 31 bits and 'stands in the prompt' in the top bit.
// logits, out [rows, vocabulary]; sampling [rows, 8] (4: repetition, 5: presence, 6: frequency); slots [rows]; counts [slots, vocabulary].
// One thread per element.

override WORKGROUP_SIZE: u32 = 256;

struct Params { vocabulary: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> sampling: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let token = id.x;
  let row = id.y;
  if (token >= params.vocabulary) { return; }
  let at = row * params.vocabulary + token;
  let seen = counts[slots[row] * params.vocabulary + token];
  var x = logits[at];
  if (seen != 0u) {
    let repetition = sampling[row * 8u + 4u];
    x = select(x * repetition, x / repetition, x > 0.0);
    let count = seen & 0x7fffffffu;
    if (count > 0u) {
      x -= sampling[row * 8u + 6u] * f32(count) + sampling[row * 8u + 5u];
    }
  }
  out[at] = x;
}
