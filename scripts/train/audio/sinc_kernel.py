"""Resampling as one Triton kernel: a program per frame of 160 samples. The same values as `resample` of features.py."""
import torch
import triton
import triton.language as tl
from features import HOP, TAPS


@triton.jit
def kernel(pool, source, length, lead, place, inside, ratio, sway, rate, phase, out, hop: tl.constexpr, half: tl.constexpr, block: tl.constexpr):
    frame = tl.program_id(0)
    start, count = tl.load(source + frame), tl.load(length + frame)
    step, depth = tl.load(ratio + frame), tl.load(sway + frame)
    speed, offset = tl.load(rate + frame), tl.load(phase + frame)
    k = tl.arange(0, block)
    n = (tl.load(place + frame) * hop - tl.load(lead + frame) + k).to(tl.float64)
    turn = (n * speed + offset).to(tl.float32)
    at = step * (n + depth * (tl.sin(turn) - tl.sin(offset)).to(tl.float64))
    first = tl.floor(at)
    fraction = (at - first).to(tl.float32)
    base = first.to(tl.int64)
    cut = tl.minimum(1.0 / step, 1.0)
    used = (k < hop) & (tl.load(inside + frame) != 0)
    total = tl.zeros([block], dtype=tl.float32)
    for t in range(1 - half, half + 1):
        d = t - fraction
        angle = d * cut * 3.141592653589793
        value = tl.load(pool + (start + base + t), mask=used & (base + t >= 0) & (base + t < count), other=0).to(tl.float32)
        sinc = tl.where(tl.abs(angle) < 1e-4, 1.0, tl.sin(angle) / tl.where(tl.abs(angle) < 1e-4, 1.0, angle))
        total += value * sinc * cut * (0.5 + 0.5 * tl.cos(d * (3.141592653589793 / half)))
    tl.store(out + frame.to(tl.int64) * hop + k, total / 32768, mask=k < hop)


def resample(pool, n):
    flat = {k: n[k].reshape(-1).contiguous() for k in ("source", "length", "lead", "place", "ratio", "sway", "sway_rate", "sway_phase")}
    inside = n["inside"].reshape(-1).to(torch.int32)
    out = torch.empty(len(inside), HOP, device=pool.device)
    kernel[(len(inside),)](pool, flat["source"], flat["length"], flat["lead"], flat["place"], inside, flat["ratio"], flat["sway"], flat["sway_rate"], flat["sway_phase"],
                           out, HOP, TAPS // 2, 256)
    return out
