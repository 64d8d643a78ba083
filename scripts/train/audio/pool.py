"""The synthesised clips on the GPU, and random batches of them."""
import queue
import threading
import time
import numpy as np
from clips import CLIPS, COLUMNS, ESPEAK, FIRST_VARIANT, FLITE, LABEL, LABEL_COUNT, LABELS, LENGTH, PLAIN, RATE, SAMPLES, SORT, SOUND, START, TOKENS
from features import EQUALIZER, FLOATS, INTS

LONGEST_ROWS, LONGEST_TEXT, MOST_FRAMES = 400, 384, 780


class Pool:
    """`chunks` chunks of clips on the device, from the last place down; new ones replace the oldest, the first `kept` stay."""

    def __init__(self, chunks, device):
        import torch
        self.torch, self.device, self.chunks = torch, device, chunks
        self.tensors = {"samples": torch.zeros(chunks * SAMPLES, dtype=torch.int16, device=device), "labels": torch.zeros(chunks * LABELS, dtype=torch.uint8, device=device),
                        "tokens": torch.zeros(chunks * TOKENS, dtype=torch.int16, device=device)}
        self.tables, self.counts = np.zeros((chunks, CLIPS, COLUMNS), np.int64), np.zeros(chunks, np.int64)
        self.kept = self.next = self.added = self.clips = 0

    def put(self, chunk):
        """chunk: {array: host tensor}. Gives its place."""
        g = self.chunks - 1 - self.next
        for name in self.tensors:
            host = chunk[name]
            size = len(host)
            self.tensors[name][g * size:(g + 1) * size].copy_(host, non_blocking=True)
        self.counts[g], self.tables[g] = int(chunk["count"][0]), chunk["table"].numpy()
        self.next = self.next + 1 if self.next + 1 < self.chunks else self.kept
        self.added += 1
        self.clips += int(self.counts[g])
        return g

    def keep(self):
        """What is in now stays, and is not drawn: it is for evaluation."""
        self.kept = self.next

    def ready(self):
        return min(self.added, self.chunks) - self.kept

    def draw(self, rng, n):
        """(chunk numbers, table rows) of n random clips."""
        chunk = self.chunks - 1 - rng.integers(self.kept, min(self.added, self.chunks), n)
        return chunk, self.tables[chunk, (rng.random(n) * self.counts[chunk]).astype(np.int64)]


class Pump:
    """Takes chunks from the workers in a thread, into pinned memory."""

    def __init__(self, workers, device):
        self.workers, self.device, self.queue = workers, device, queue.Queue(3)
        self.paused, self.idle = threading.Event(), threading.Event()

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        import torch
        while True:
            while self.paused.is_set():
                self.idle.set()
                time.sleep(.01)
            self.idle.clear()
            taken = self.workers.take()
            if taken is None:
                continue
            arrays, row, made = taken
            host = {k: torch.from_numpy(v) for k, v in arrays.items()}
            if self.device == "cuda" and not self.paused.is_set():
                host = {k: v.pin_memory() if k in ("samples", "labels", "tokens") else v for k, v in host.items()}
            self.queue.put((host, row, made))

    def quiet(self, on):
        """Nothing may touch the GPU beside a graph's capture."""
        if on:
            self.idle.clear()
            self.paused.set()
            while not self.idle.wait(.05):
                self.take()  # a full queue would keep it from resting; one chunk lost is no harm
        else:
            self.paused.clear()

    def take(self):
        try:
            return self.queue.get_nowait()
        except queue.Empty:
            return None


def speeds(rng, sort, plain):
    low = np.select([sort == FLITE, sort == ESPEAK], [.8, .86], .97)
    high = np.select([sort == FLITE, sort == ESPEAK], [1.28, 1.18], 1.03)
    return np.ones(len(sort)) if plain else low + (high - low) * rng.random(len(sort))


def arrange(rng, chunk, rows, variant, shape, level, plain=False):
    """Tables of a batch: as many of the drawn clips as fit. shape: (frames, texts, clips). level: 0 easy to 1; plain: no changes at all.

    Gives ints, floats, ends of the encoder's spans, ends of the texts, and how many clips it holds.
    """
    frames_most, texts_most, clips_most = shape
    n, sort = len(rows), rows[:, SORT]
    ratio = rows[:, RATE] / 16000 * speeds(rng, sort, plain)
    ratio = np.maximum(ratio, rows[:, LENGTH] / (MOST_FRAMES * 160.0))
    sound = sort != PLAIN
    pause = lambda: np.where(sound & (rng.random(n) < .7) & (not plain), rng.random(n) * 8000, 0).astype(np.int64)
    lead, trail, body = pause(), pause(), (rows[:, LENGTH] / ratio).astype(np.int64)
    period = 16000 * (.25 + 1.25 * rng.random(n))
    sway = np.where((sort != SOUND) & (rng.random(n) < .7 * level) & (not plain), rng.random(n) * .3, 0) * period / (2 * np.pi)
    trail = np.maximum(trail, (2 * sway).astype(np.int64))
    fits = body + lead + trail <= MOST_FRAMES * 160
    lead, trail, sway = lead * fits, trail * fits, sway * fits
    frames = (lead + body + trail) // 160
    taken = np.where(frames > 0, (frames + 8) // 8 * 8, 0)
    sounds = ((frames + 1) // 2 + 3) // 4
    at = np.arange(n), FIRST_VARIANT + 3 * variant
    before, total = rows[at[0], at[1] + 1], rows[at[0], at[1] + 2]
    texts = total + sounds
    frame_end, text_end = taken.cumsum(), texts.cumsum()
    good = (frame_end <= frames_most) & (text_end <= texts_most) & (np.maximum.accumulate(texts) <= LONGEST_TEXT)
    k = min(int(good.argmin()) if not good.all() else n, clips_most - 1)
    ints = np.zeros((clips_most, len(INTS)), np.int64)
    column = {name: ints[:, i] for i, name in enumerate(INTS)}
    values = {"source": rows[:, START] + chunk * SAMPLES, "length": rows[:, LENGTH], "label": rows[:, LABEL] + chunk * LABELS, "label_count": rows[:, LABEL_COUNT],
              "tokens": rows[at[0], at[1]] + chunk * TOKENS, "before": before, "total": total, "frames": frames, "frame_start": frame_end - taken,
              "text_start": text_end - texts, "sounds": sounds, "lead": lead}
    for name, value in values.items():
        column[name][:k] = value[:k]
    used_frames, used_texts = int(frame_end[k - 1]), int(text_end[k - 1])
    column["frame_start"][k:], column["text_start"][k:] = used_frames, used_texts
    floats = alterations(rng, sort, rows, ratio, frames, level, clips_most, k)
    for name, value in (("sway", sway), ("sway_rate", 2 * np.pi / period), ("sway_phase", 2 * np.pi * rng.random(n))):
        floats[:k, FLOATS.index(name)] = value[:k]
    starts, counts = column["frame_start"] // 2, (column["frames"] + 1) // 2
    rows_most = frames_most // 2
    rest = np.minimum(used_frames // 2 + LONGEST_ROWS * np.arange(1, rows_most // LONGEST_ROWS + 2), rows_most)
    spans = np.concatenate((np.stack((starts, starts + counts), 1).ravel(), rest)).astype(np.int32)
    text_rest = np.minimum(used_texts + LONGEST_TEXT * np.arange(1, texts_most // LONGEST_TEXT + 2), texts_most)
    return ints, floats, spans, np.concatenate((column["text_start"], text_rest)).astype(np.int32), k


def alterations(rng, sort, rows, ratio, frames, level, clips_most, k):
    """Noise, echoes, band limits and masks; clips without speech keep what they are asked about."""
    n, speech = len(rows), sort != SOUND
    floats = np.zeros((clips_most, len(FLOATS) + 2 * EQUALIZER), np.float32)
    column = {name: floats[:, i] for i, name in enumerate(FLOATS)}
    draw = lambda low, high: low + (high - low) * rng.random(n)
    some = lambda share, value, other: np.where(speech & (rng.random(n) < share * level), value, other)
    gain = np.where(speech, 10 ** draw(-1.2, .15), draw(.5, 1.2))
    values = {
        "ratio": ratio, "label_scale": 100 / rows[:, RATE], "gain": gain,
        "noise": some(.75, gain * .1 * 10 ** (-draw(3, 40) / 20), 10 ** draw(-5.5, -3.8)), "tilt": draw(-.9, .9), "other": some(.2, gain * 10 ** draw(-2, -.8), 0),
        "echo1": some(.4, draw(-.4, .4), 0), "echo2": some(.4, draw(-.3, .3), 0), "delay1": draw(.002, .02), "delay2": draw(.01, .06),
        "low": some(.4, draw(20, 300), -1000), "high": some(.4, draw(3000, 7800), 20000), "slope": some(.8, draw(-.8, .8), 0), "tail": some(.35, draw(0, .3), 0),
        "tract": some(.8, draw(.86, 1.16), 1)}
    for number in ("", "2"):
        values |= {"mask_band" + number: rng.integers(0, 70, n), "mask_width" + number: some(.5, rng.integers(0, 13, n), 0),
                   "mask_time" + number: draw(0, 1) * frames, "mask_length" + number: some(.5, rng.integers(0, 9, n), 0)}
    for name, value in values.items():
        column[name][:k] = value[:k]
    column["ratio"][k:] = column["label_scale"][k:] = 1
    waves = rng.standard_normal((n, 2 * EQUALIZER)) * some(.8, draw(.1, .9), 0)[:, None]
    floats[:k, len(FLOATS):] = waves[:k]
    return floats
