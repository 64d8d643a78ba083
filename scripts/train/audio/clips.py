"""Workers that synthesise clips into shared memory, chunk after chunk."""
import ctypes
import multiprocessing
import os
import queue
import random
import signal
import sys
import numpy as np

CLIPS, SAMPLES, LABELS, TOKENS, VARIANTS = 64, 3_407_872, 18_432, 15_360, 3
# Columns of a chunk's table; a variant is one conversation: where its ids start, how many stand before the audio, how many in all.
START, LENGTH, RATE, LABEL, LABEL_COUNT, SORT, FIRST_VARIANT = range(7)
COLUMNS = FIRST_VARIANT + 3 * VARIANTS
SOUND, ESPEAK, FLITE, PLAIN = range(4)
HELD_FLITE, HELD_VARIANTS = "rms", ("linda", "m3")
PITCH = {"awb": 120, "kal16": 105, "rms": 105, "slt": 170}
MOST_SECONDS = 8.4
LAYOUT = (("table", np.int32, (CLIPS, COLUMNS)), ("count", np.int32, (16,)), ("samples", np.int16, (SAMPLES,)), ("labels", np.uint8, (LABELS,)), ("tokens", np.int16, (TOKENS,)))
CHUNK_BYTES = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for _, kind, shape in LAYOUT)
ROWS = ("held flite voice", "held espeak variants", "seen flite voices", "seen espeak voices", "sounds", "plain")  # rows of the evaluation


def views(buffer):
    out, at = {}, 0
    for name, kind, shape in LAYOUT:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        out[name] = buffer[at:at + size].view(kind).reshape(shape)
        at += size
    return out


class Maker:
    """Random clips; `row`: one of ROWS for evaluation, with sentences never trained on, or None."""

    def __init__(self, bundle, tokenizer, seed):
        from speech import open_synthesisers
        self.rng, self.voices, self.tokenizer = random.Random(seed), open_synthesisers(bundle), tokenizer

    def espeak(self, text, row):
        from speech import LANGUAGES, VARIANTS as ALL
        rng = self.rng
        variant = rng.choice(HELD_VARIANTS if row == ROWS[1] else [v for v in ALL if v not in HELD_VARIANTS])
        language = "en-us" if rng.random() < .45 else rng.choice(LANGUAGES)
        name = language if row != ROWS[1] and rng.random() < .12 else f"{language}+{variant}"
        plain = row is not None
        return self.voices.say_espeak(text, name, 165 if plain else rng.randrange(115, 230), 50 if plain else rng.randrange(20, 85), 50 if plain else rng.randrange(25, 75))

    def flite(self, text, row):
        rng = self.rng
        voice = HELD_FLITE if row == ROWS[0] else rng.choice(("awb", "awb", "awb", "slt", "slt", "slt", "kal16", "kal16"))
        if row is not None:
            return self.voices.say_flite(text, voice, 1.0, PITCH[voice])
        return self.voices.say_flite(text, voice, rng.uniform(.75, 1.4), PITCH[voice] * rng.uniform(.75, 1.4), rng.uniform(6, 35))

    def clip(self, row=None):
        """(samples, rate, labels, sort, conversations, sentence or None)"""
        from phones import labels
        from questions import plain_talk, sound_talk, speech_talk
        from sentences import sentence
        from sounds import make
        rng, draw = self.rng, self.rng.random()
        sort = {None: PLAIN if draw < .02 else SOUND if draw < .13 else ESPEAK if draw < .37 else FLITE, ROWS[4]: SOUND, ROWS[5]: PLAIN,
                ROWS[1]: ESPEAK, ROWS[3]: ESPEAK}.get(row, FLITE)
        if sort == PLAIN:
            return np.zeros(0, np.int16), 16000, np.zeros(0, np.uint8), sort, [plain_talk(rng) for _ in range(VARIANTS)], None
        if sort == SOUND:
            sound, samples = make(rng)
            return samples, 16000, np.zeros(1, np.uint8), sort, [sound_talk(rng, sound) for _ in range(VARIANTS)], None
        while True:
            s = sentence(rng, for_evaluation=row is not None)
            samples, rate, phones = (self.espeak if sort == ESPEAK else self.flite)(s.text, row)
            if .25 * rate < len(samples) < MOST_SECONDS * rate:
                break
        return samples, rate, labels(phones, len(samples) / rate), sort, [speech_talk(rng, s) for _ in range(VARIANTS)], s

    def fill(self, chunk, row=None, most=CLIPS):
        """Fills a chunk's arrays; gives what was put in, for evaluation."""
        chunk["table"][:] = 0
        at = {"samples": 0, "labels": 0, "tokens": 0}
        made = []
        while len(made) < most:
            samples, rate, labels, sort, talks, s = self.clip(row)
            if row is not None:
                talks = single_turns(self.rng, s, talks)
            coded = [self.tokenizer.talk(t, sort != PLAIN, row is None and self.rng.random() < .06) for t in talks]
            flat = [before + after for before, after in coded]
            room = {"samples": len(samples), "labels": len(labels), "tokens": sum(map(len, flat))}
            if any(at[k] + n > len(chunk[k]) for k, n in room.items()):
                break
            entry = chunk["table"][len(made)]
            entry[:FIRST_VARIANT] = at["samples"], len(samples), rate, at["labels"], len(labels), sort
            chunk["samples"][at["samples"]:at["samples"] + len(samples)] = samples
            chunk["labels"][at["labels"]:at["labels"] + len(labels)] = labels
            start = at["tokens"]
            for v, ((before, _), ids) in enumerate(zip(coded, flat)):
                entry[FIRST_VARIANT + 3 * v:FIRST_VARIANT + 3 * v + 3] = start, len(before), len(ids)
                chunk["tokens"][start:start + len(ids)] = ids
                start += len(ids)
            for k, n in room.items():
                at[k] += n
            made.append((talks, s.text if s else ""))
        chunk["count"][0] = len(made)
        return made


def single_turns(rng, s, talks):
    """For evaluation: the transcript and two other questions, each alone."""
    from questions import speech_question
    if s is None:
        return [t[:1] for t in talks]
    return [[("transcribe", "Transcribe the audio.", s.text)], [speech_question(rng, s)], [speech_question(rng, s)]]


def work(bundle, merges, seed, rows, memory, free, ready):
    """One worker: first its share of the evaluation, then chunks for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    sys.setswitchinterval(1.0)
    from tokens import Tokenizer
    maker, buffer = Maker(bundle, Tokenizer(merges), seed), np.frombuffer(memory, np.uint8)
    for row, most in rows:
        slot = free.get()
        made = maker.fill(views(buffer[slot * CHUNK_BYTES:(slot + 1) * CHUNK_BYTES]), row, most)
        ready.put((slot, row, made))
    while True:
        slot = free.get()
        maker.fill(views(buffer[slot * CHUNK_BYTES:(slot + 1) * CHUNK_BYTES]))
        ready.put((slot, None, None))


class Workers:
    """Start them before anything touches the GPU: they are forked. rows: (row, clips) jobs of evaluation, dealt out."""

    def __init__(self, bundle, merges, count, seed, rows, slots=24):
        context = multiprocessing.get_context("fork")
        size = (CHUNK_BYTES + 63) // 64 * 64
        if size != CHUNK_BYTES:
            raise ValueError("chunks must be multiples of 64 bytes")
        self.memory = context.RawArray(ctypes.c_ubyte, size * slots)
        self.buffer = np.frombuffer(self.memory, np.uint8)
        self.free, self.ready = context.Queue(), context.Queue()
        for slot in range(slots):
            self.free.put(slot)
        self.processes = [context.Process(target=work, daemon=True, args=(bundle, merges, seed * 1000 + i, rows[i::count], self.memory, self.free, self.ready)) for i in range(count)]
        for process in self.processes:
            process.start()

    def take(self, timeout=.2):
        """({array: copy}, row, what was made), or None."""
        try:
            slot, row, made = self.ready.get(timeout=timeout)
        except queue.Empty:
            return None
        copies = {k: v.copy() for k, v in views(self.buffer[slot * CHUNK_BYTES:(slot + 1) * CHUNK_BYTES]).items()}
        self.free.put(slot)
        return copies, row, made

    def alive(self):
        return sum(p.is_alive() for p in self.processes)

    def stop(self):
        for process in self.processes:
            process.terminate()
