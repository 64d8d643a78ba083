"""Clips without speech: tones, sweeps, beeps, noise, silence."""
import numpy as np

RATE = 16000
KINDS = ("tone", "sweep", "beeps", "noise", "silence")


def wave(phase, rng):
    """Sine, mostly; sometimes with overtones."""
    if rng.random() < .6:
        return np.sin(phase)
    if rng.random() < .2:
        return np.sign(np.sin(phase))
    odd = rng.random() < .5
    return sum(np.sin(k * phase) / k ** (1 + rng.random()) for k in ((1, 3, 5) if odd else (1, 2, 3, 4)))


def fade(x, ends):
    """Ramps of `ends` (first, last) seconds; 0: a click."""
    first, last = (min(int(seconds * RATE), len(x) // 2) for seconds in ends)
    x[:first] *= np.linspace(0, 1, first)
    x[len(x) - last:] *= np.linspace(1, 0, last)
    return x


def ramps(rng):
    return [rng.choice((0, 0, .001, .003, .01, .01, .03)) for _ in range(2)]


def tone(rng, seconds, low, high=None, ends=None):
    """Of one pitch, or gliding from `low` to `high` Hz."""
    n = int(seconds * RATE)
    pitch = np.full(n, low) if high is None else np.geomspace(low, high, n)
    return fade(wave(2 * np.pi * np.cumsum(pitch) / RATE + rng.choice((0, rng.uniform(0, 6.28))), rng), ends or ramps(rng))


def silent(seconds):
    return np.zeros(int(seconds * RATE))


def noise(rng, numpy_rng, seconds):
    """White, pink or brown."""
    n = int(seconds * RATE)
    spectrum = np.fft.rfft(numpy_rng.standard_normal(n))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -rng.choice((0, 0, .5, 1))
    x = np.fft.irfft(spectrum, n)
    return x / (np.abs(x).max() + 1e-9)


def make(rng):
    """((kind, detail), int16 samples at 16 kHz)"""
    numpy_rng = np.random.default_rng(rng.randrange(1 << 30))
    kind = rng.choice(KINDS)
    detail, level = "", 10 ** rng.uniform(-1.3, -.1)
    if kind == "tone":
        detail = rng.choice(("high", "low"))
        x = tone(rng, rng.uniform(.5, 3), rng.uniform(1300, 4000) if detail == "high" else rng.uniform(90, 450))
    elif kind == "sweep":
        detail = rng.choice(("rising", "falling"))
        low = rng.uniform(100, 900)
        ends = (low, low * rng.uniform(1.8, 6))
        x = tone(rng, rng.uniform(.7, 3), *(ends if detail == "rising" else ends[::-1]))
    elif kind == "beeps":
        detail, pitch, each, gap, ends = rng.randrange(1, 7), rng.uniform(350, 2500), rng.uniform(.08, .3), rng.uniform(.1, .45), ramps(rng)
        x = np.concatenate([part for _ in range(detail) for part in (tone(rng, each, pitch, ends=ends), silent(gap))])
    elif kind == "noise":
        x, level = noise(rng, numpy_rng, rng.uniform(.6, 3.5)), 10 ** rng.uniform(-1.2, -.1)
    else:
        x, level = numpy_rng.standard_normal(int(rng.uniform(.5, 4) * RATE)), 10 ** rng.uniform(-5, -3.8)
    if kind in ("tone", "sweep", "beeps"):
        x = np.concatenate([silent(rng.uniform(0, .6)), x, silent(rng.uniform(0, .6))])
        x = x / (np.abs(x).max() + 1e-9)
    return (kind, detail), np.clip(x * level * 32767, -32768, 32767).astype(np.int16)
