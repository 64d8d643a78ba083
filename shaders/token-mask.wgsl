// out[row, token] = logits[row, token] where the token's bit is set in the row's mask, else FORBIDDEN.
//
// Row r's mask is masks[slots[r]], a bit per token: token t is bit t mod 32 of word t / 32. A value that is not finite is kept whatever
// its bit, so that a broken row is still seen to be broken. FORBIDDEN lies below every logit that a bias, a ban or a penalty can make
// (-1e36), and over the least temperature (0.01) it is still finite.
// logits, out [rows, vocabulary]; slots [rows]; masks [slots, words], words = ⌈vocabulary / 32⌉. One thread per element.

override WORKGROUP_SIZE: u32 = 256;

const FORBIDDEN: f32 = -2.0e36;

struct Params { vocabulary: u32, words: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> slots: array<u32>;
@group(0) @binding(2) var<storage, read> masks: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let token = id.x;
  let row = id.y;
  if (token >= params.vocabulary) { return; }
  let at = row * params.vocabulary + token;
  let word = masks[slots[row] * params.words + token / 32u];
  let allowed = ((word >> (token % 32u)) & 1u) == 1u;
  let x = logits[at];
  let broken = (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
  out[at] = select(FORBIDDEN, x, allowed || broken);
}
