"""Batches of scenes and their queries, of fixed shape: pictures, queries and text documents lie end to end on one axis of tokens."""
import common  # noqa: F401
from dataclasses import dataclass
import numpy as np
from conversation import SYSTEM, place_tokens
from frame import BACK, SPRITE, SPRITES
from packing import Shape, cells_of
import facts as F

BLANK = (2, 2)                     # merged cells of the black picture beside texts: 56 x 56 pixels
ASKED = "What is shown in this image?"
MOST_FACTS, MOST_CLAIMS = 224, 16
LONGEST_TEXT = 48                  # tokens of a query or document


@dataclass(frozen=True)
class PairShape(Shape):
    """scenes: pictures of a batch, each with a query; documents: how many of the first scenes have a text document too."""
    scenes: int = 1024
    documents: int = 256
    patches: int = 1024 * 138
    tokens: int = 1024 * 124
    pad_tokens: int = 128
    longest_span: int = 144
    longest_sequence: int = 128
    ink: int = 16

    @property
    def texts(self):
        return self.scenes + self.documents

    def fields(self):
        n, spare = self.scenes, self.tokens // self.longest_sequence + 2
        return [("sprites", np.float32, (n + 1, SPRITES, SPRITE)), ("back", np.float32, (n + 1, BACK)), ("rows_frame", np.int32, (self.patches,)),
                ("rows_cell", np.int32, (self.patches, 2)), ("span_ends", np.int32, (n + self.patches // self.longest_span + 2,)),
                ("media", np.int32, (self.patches // 4 + 4 * self.texts,)), ("targets", np.int32, (n + self.texts,)), ("sequence_ends", np.int32, (n + self.texts + spare,)),
                ("counts", np.int32, (8,)), ("tokens", np.int16, (self.tokens,)), ("positions", np.int16, (3, self.tokens)),
                ("facts", np.int16, (n, MOST_FACTS)), ("claims", np.int16, (n, MOST_CLAIMS)), ("labels", np.uint8, (n + 1, SPRITES, 3))]


def tiny_pairs():
    """For tests on a CPU."""
    return PairShape(scenes=64, documents=16, patches=64 * 144, tokens=64 * 124)


class NoRoom(Exception):
    """A batch of unusually large pictures or long texts."""


class Prompts:
    """Token ids and positions of the three kinds of input, in the Qwen2-VL chat format with `<|endoftext|>` at the end."""

    def __init__(self, tokenizer):
        special, encode = tokenizer.special, tokenizer.encode
        self.encode, self.pad, self.end = encode, special["<|image_pad|>"], special["<|endoftext|>"]
        start, stop = [special["<|im_start|>"]], [special["<|im_end|>"]]
        self.before = start + encode("system\n" + SYSTEM) + stop + encode("\n") + start + encode("user\n") + [special["<|vision_start|>"]]
        self.vision_end = [special["<|vision_end|>"]]
        self.after = stop + encode("\n") + start + encode("assistant\n") + [self.end]
        self.made = {}

    def ids(self, text, grid=BLANK):
        return self.before + [self.pad] * (grid[0] * grid[1]) + self.vision_end + self.encode(text) + self.after

    def picture(self, grid):
        """(ids, positions [3, n], places of the picture's tokens) of a picture document."""
        if grid not in self.made:
            ids = self.ids(ASKED, grid)
            self.made[grid] = (np.array(ids), *place_tokens(len(ids), [(len(self.before), (1, *grid))]))
        return self.made[grid]

    def text(self, words):
        """As `picture`, of a text beside the black picture."""
        ids = self.ids(words)
        key = len(ids)
        if key not in self.made:
            self.made[key] = place_tokens(key, [(len(self.before), (1, *BLANK))])
        return (np.array(ids), *self.made[key])


class PairPacker:
    """Fills batches from `Scenes`."""

    def __init__(self, scenes, tokenizer, shape: PairShape):
        self.scenes, self.prompts, self.shape = scenes, Prompts(tokenizer), shape

    def fill(self, batch):
        while True:
            chosen = []
            while len(chosen) < self.shape.scenes:
                chosen += self.scenes.family(self.shape.scenes - len(chosen))
            try:
                return self.pack(batch, chosen, [self.query(s) for s in chosen])
            except NoRoom:  # happens to one batch in very many: others are drawn
                continue

    def query(self, scene):
        """(kind, text, claims) that fits in; one in eight lacks the word `Query`."""
        while True:
            kind, text, claims = scene.wording(self.scenes.rng).any_query()
            if len(self.prompts.encode(text)) <= LONGEST_TEXT - 4:
                return kind, text if self.scenes.rng.random() < .12 else "Query: " + text, claims

    def document(self, scene):
        while True:
            text = "Document: " + scene.wording(self.scenes.rng).document()
            if len(self.prompts.encode(text)) <= LONGEST_TEXT:
                return text

    def pack(self, batch, chosen, queries):
        s, patches, spans = self.shape, 0, [0]
        batch["rows_frame"][:], batch["rows_cell"][:], batch["positions"][:], batch["tokens"][:] = s.scenes, 0, 0, self.prompts.end
        batch["media"][:], batch["facts"][:], batch["claims"][:] = s.tokens - 1, F.BITS, F.BITS
        for name in ("sprites", "back", "labels"):
            batch[name][s.scenes] = 0
        batch["sprites"][s.scenes, :, 7:9] = 1
        batch["back"][s.scenes, 13:17], batch["back"][s.scenes, 23], batch["back"][s.scenes, 25] = 1, 1, 1
        parts = []
        for i, scene in enumerate(chosen):
            cells = cells_of(*scene.grid)
            room = s.patches - patches - 64 * (s.scenes - i - 1)
            if len(cells) > room:
                raise NoRoom("pictures")
            frame = self.scenes.frame(scene)
            for name in ("sprites", "back", "labels"):
                batch[name][i] = getattr(frame, name)
            batch["rows_frame"][patches:patches + len(cells)], batch["rows_cell"][patches:patches + len(cells)] = i, cells
            patches += len(cells)
            spans.append(patches)
            self.mark(batch["facts"][i], scene.facts())
            self.mark(batch["claims"][i], queries[i][2])
            parts.append(self.prompts.picture(scene.grid))
        parts += [self.prompts.text(text) for _, text, _ in queries]
        parts += [self.prompts.text(self.document(scene)) for scene in chosen[:s.documents]]
        used, ends = self.tokens(batch, parts, patches // 4)
        self.close(batch, spans, ends)
        batch["counts"][:3] = len(parts), patches, used

    @staticmethod
    def mark(row, facts):
        numbers = [F.fold(f) for f in facts][:len(row)]
        row[:len(numbers)] = numbers

    def tokens(self, batch, parts, cells):
        """Lays the sequences down."""
        s, used, ends, at = self.shape, 0, [0], 0
        for i, (ids, positions, media) in enumerate(parts):
            n = len(ids)
            if used + n >= s.tokens:
                raise NoRoom("texts")
            batch["tokens"][used:used + n], batch["positions"][:, used:used + n] = ids, positions
            if i == s.scenes:
                at = s.patches // 4  # blanks follow the room of all pictures
            batch["media"][at:at + len(media)] = used + media
            at += len(media)
            used += n
            ends.append(used)
            batch["targets"][i] = used - 1
        return used, ends

    def close(self, batch, spans, ends):
        """Padding becomes spans and sequences of its own."""
        s = self.shape
        spans += range(spans[-1] + s.longest_span, s.patches, s.longest_span)
        ends += range(ends[-1] + s.longest_sequence, s.tokens, s.longest_sequence)
        for name, marks, whole in (("span_ends", spans, s.patches), ("sequence_ends", ends, s.tokens)):
            batch[name][:] = whole
            batch[name][:len(marks)] = marks
