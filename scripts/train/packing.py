"""Batches of fixed shape: samples of any picture size lie end to end on one axis of patches and one of tokens."""
from dataclasses import dataclass
from functools import lru_cache
import numpy as np
from conversation import Writer
from frame import BACK, LETTERS, SPRITE, SPRITES, TEXTS


@dataclass(frozen=True)
class Shape:
    """Sizes of one batch. patches is a multiple of 4; the last token is always padding."""
    patches: int = 57344
    seconds: int = 8192          # patches with a second frame (clips)
    frames: int = 544
    spans: int = 448             # pictures or temporal slices, for attention in the vision tower
    tokens: int = 46080
    sequences: int = 416
    targets: int = 8192
    ink: int = 1_600_000         # bytes of text strips
    longest_span: int = 1024     # patches
    longest_sequence: int = 512  # tokens

    def fields(self):
        rows = self.patches + self.seconds
        return [("sprites", np.float32, (self.frames, SPRITES, SPRITE)), ("back", np.float32, (self.frames, BACK)), ("rows_frame", np.int32, (rows,)),
                ("rows_cell", np.int32, (rows, 2)), ("second", np.int32, (self.patches,)), ("span_ends", np.int32, (self.spans + 1,)), ("media", np.int32, (self.patches // 4,)),
                ("targets", np.int32, (self.targets,)), ("sequence_ends", np.int32, (self.sequences + 1,)), ("counts", np.int32, (8,)),
                ("tokens", np.int16, (self.tokens,)), ("positions", np.int16, (3, self.tokens)), ("labels", np.uint8, (self.frames, SPRITES, 3)),
                ("letter_ends", np.uint8, (self.frames, TEXTS, LETTERS)), ("letters", np.uint8, (self.frames, TEXTS, LETTERS)), ("ink", np.uint8, (self.ink,))]

    def nbytes(self):
        return sum(int(np.prod(shape)) * np.dtype(kind).itemsize for _, kind, shape in self.fields()) + 64

    def views(self, buffer):
        """The batch's arrays inside a byte buffer."""
        out, at = {}, 0
        for name, kind, shape in self.fields():
            n = int(np.prod(shape)) * np.dtype(kind).itemsize
            out[name] = buffer[at:at + n].view(kind).reshape(shape)
            at += n
        return out

    def empty(self):
        return self.views(np.zeros(self.nbytes() // 64 * 64, np.uint8))


def tiny_shape():
    """For tests on a CPU."""
    return Shape(patches=2048, seconds=512, frames=48, spans=40, tokens=3072, sequences=32, targets=1024, ink=400_000)


@lru_cache(4096)
def cells_of(rows, columns):
    """Row and column of every patch in Qwen2-VL's order: merged cell by merged cell, 2 x 2 patches in each."""
    i, j = np.mgrid[:rows, :columns]
    corner = np.stack((i, j), -1).reshape(-1, 1, 2) * 2
    return (corner + np.array([(0, 0), (0, 1), (1, 0), (1, 1)])[None]).reshape(-1, 2).astype(np.int32)


class Packer:
    """Fills batches from a sampler. single: one question per sample, for evaluation."""

    def __init__(self, sampler, tokenizer, shape: Shape, single=False):
        self.sampler, self.writer, self.shape, self.single = sampler, Writer(tokenizer), shape, single
        self.pad = tokenizer.special["<|endoftext|>"]

    def conversation(self, sample):
        rng, cells = self.sampler.rng, sample.grid[0] * sample.grid[1]
        steps = len(sample.media[0]) // 2 if sample.media and len(sample.media[0]) > 1 else 0
        media_tokens = (cells * max(1, steps) + 2) * len(sample.media)
        turns = sample.turns[:1] if self.single else sample.turns
        longest = min(self.shape.longest_sequence, media_tokens + (200 if self.single else 110))
        return self.writer.write(turns, [sample.grid] * len(sample.media), steps, longest, rng.random() < .12)

    def fill(self, batch):
        """Overwrites the batch's arrays; returns the conversations in order (`taken`: their samples). What does not fit is dropped, small samples fill the rest."""
        s, used, talks, misses, spans, sequences = self.shape, dict.fromkeys(("patch", "second", "frame", "token", "target", "ink"), 0), [], 0, [0], [0]
        last_frame = s.frames - 1
        batch["tokens"][:], batch["rows_frame"][:], batch["rows_cell"][:] = self.pad, last_frame, 0
        batch["second"][:] = np.arange(s.patches)
        batch["media"][:], batch["positions"][:], batch["sprites"][last_frame], batch["back"][last_frame], batch["labels"][last_frame] = s.tokens - 1, 0, 0, 0, 0
        batch["sprites"][last_frame, :, 7:9] = 1
        batch["back"][last_frame, 13:17], batch["back"][last_frame, 23], batch["back"][last_frame, 25] = 1, 1, 1
        self.taken = []
        while misses < 12:
            sample = self.sampler.sample()
            talk = self.conversation(sample)
            if talk is None or not self.fits(sample, talk, used, len(spans), len(sequences)):
                misses += 1
                continue
            self.add(batch, sample, talk, used, spans, sequences)
            talks.append(talk)
            self.taken.append(sample)
        self.close(batch, used, spans, sequences)
        return talks

    def fits(self, sample, talk, used, spans, sequences):
        s, per = self.shape, sample.grid[0] * sample.grid[1] * 4
        frames = sum(len(m) for m in sample.media)
        steps = sum(max(1, len(m) // 2) for m in sample.media)
        ink = sum(strip.size + 16 for m in sample.media for f in m for _, strip in f.strips)
        span_room, sequence_room = ((whole - done) // longest + 2 for whole, done, longest in
                                    ((s.patches, used["patch"], s.longest_span), (s.tokens, used["token"], s.longest_sequence)))  # for the padding
        return (used["patch"] + per * steps <= s.patches and used["second"] + per * (frames - steps) <= s.seconds and used["frame"] + frames < s.frames
                and spans + steps + span_room <= s.spans and sequences + 1 + sequence_room <= s.sequences and used["token"] + len(talk.ids) < s.tokens
                and used["target"] + len(talk.targets) <= s.targets and used["ink"] + ink <= s.ink)

    def add(self, batch, sample, talk, used, spans, sequences):
        s, cells = self.shape, cells_of(*sample.grid) if sample.media else None
        for medium in sample.media:
            first = used["frame"]
            for i, frame in enumerate(medium):
                self.add_frame(batch, frame, first + i, used)
            used["frame"] += len(medium)
            for step in range(max(1, len(medium) // 2)):
                rows = slice(used["patch"], used["patch"] + len(cells))
                batch["rows_frame"][rows], batch["rows_cell"][rows] = first + 2 * step, cells
                if len(medium) > 1:
                    extra = slice(s.patches + used["second"], s.patches + used["second"] + len(cells))
                    batch["rows_frame"][extra], batch["rows_cell"][extra] = first + 2 * step + 1, cells
                    batch["second"][rows] = np.arange(extra.start, extra.stop)
                    used["second"] += len(cells)
                used["patch"] += len(cells)
                spans.append(used["patch"])
        at, n = used["token"], len(talk.ids)
        merged = used["patch"] // 4
        batch["media"][merged - len(talk.media):merged] = at + talk.media
        batch["tokens"][at:at + n], batch["positions"][:, at:at + n] = talk.ids, talk.positions
        batch["targets"][used["target"]:used["target"] + len(talk.targets)] = np.array(talk.targets) + (at - 1)
        used["token"] += n
        used["target"] += len(talk.targets)
        sequences.append(used["token"])

    def add_frame(self, batch, frame, place, used):
        for k, strip in frame.strips:
            frame.sprites[k, 6] = self.sampler.bank.size + used["ink"]
            batch["ink"][used["ink"]:used["ink"] + strip.size] = strip.ravel()
            used["ink"] += (strip.size + 15) // 16 * 16  # places stay exact in float32
        for name in ("sprites", "back", "labels", "letter_ends", "letters"):
            batch[name][place] = getattr(frame, name)

    def close(self, batch, used, spans, sequences):
        """Padding becomes spans and sequences of its own; the ends that are left over stay empty."""
        s = self.shape
        spans += range(spans[-1] + s.longest_span, s.patches, s.longest_span)
        sequences += range(sequences[-1] + s.longest_sequence, s.tokens, s.longest_sequence)
        for name, ends, whole in (("span_ends", spans, s.patches), ("sequence_ends", sequences, s.tokens)):
            batch[name][:] = whole
            batch[name][:len(ends)] = ends
        batch["counts"][:6] = used["target"], used["ink"], used["patch"], used["token"], len(spans), len(sequences)
        batch["targets"][used["target"]:] = 0
