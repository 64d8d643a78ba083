"""One training sample: pictures (or a clip) as frames, and a conversation about them."""
import math
import random
from dataclasses import dataclass
from album import album
from chart import chart_questions, draw_chart
from chat import chat_questions, small_talk
from clip import clip_questions, draw_clip
from frame import Frame
from layouts import place
from lettering import random_words, typefaces
from scene import Cast, Split, backdrop
from scene_questions import scene_questions
from text_scene import draw_text, text_questions

CELL = 28                 # pixels a side of one merged patch
LEAST, MOST = 16, 256     # merged patches per picture
# area in merged patches: share of samples, least, most
AREAS = [(.40, 16, 36), (.25, 36, 64), (.26, 64, 144), (.09, 144, 256)]


@dataclass
class Sample:
    """`media`: a list of frame lists; one frame is a picture, several are a clip. All have the same grid (rows, columns)."""
    kind: str
    grid: tuple
    media: list
    turns: list


def grid_of(rng, area, aspect):
    rows = max(3, min(24, round(math.sqrt(area / aspect))))
    columns = max(3, min(24, round(area / rows)))
    while rows * columns > MOST:
        rows, columns = (rows - 1, columns) if rows > columns else (rows, columns - 1)
    while rows * columns < LEAST:
        rows, columns = (rows, columns + 1) if rows > columns else (rows + 1, columns)
    return rows, columns


def random_grid(rng, kind):
    if kind == "clip":
        return grid_of(rng, rng.choice((16, 16, 20, 25, 36)), math.exp(rng.uniform(-.5, .5)))
    if kind == "album":
        return grid_of(rng, rng.choice((16, 20, 25, 36, 49, 64, 96, 100)), math.exp(rng.uniform(-.5, .5)))
    _, low, high = rng.choices(AREAS, [a[0] for a in AREAS])[0]
    if kind == "chart":
        low = max(low, 25)
    area = math.exp(rng.uniform(math.log(low), math.log(max(high, low + 1))))
    return grid_of(rng, area, math.exp(rng.uniform(-.4, 1.5) if kind == "text" else rng.uniform(-.8, .8)))


class Sampler:
    """Seeded and endless. `level`, 0 to 1, is how hard the samples are; training raises it by the clock."""

    def __init__(self, assets, bank, split: Split, seed):
        self.rng = random.Random(seed)
        self.bank, self.split, self.level = bank, split, 1.0
        self.words, self.faces = random_words(assets, split.words), typefaces(assets, split.fonts)
        self.cast = Cast(self.rng, bank.exists, split)

    def sample(self):
        """Draws until an attempt fits; most do."""
        rng = self.rng
        kind = rng.choices(list(self.split.kinds), list(self.split.kinds.values()))[0]
        if kind == "chat":
            return Sample(kind, (0, 0), [], chat_questions(rng))
        while True:
            grid = rng.choice(self.split.grids) if self.split.grids else random_grid(rng, kind)
            made = self.attempt(kind, grid[1] * CELL, grid[0] * CELL)
            if made and made[1]:
                break
        media, turns = made
        rng.shuffle(turns)
        if kind == "text" and rng.random() < .6:  # reading is the hardest: more often it comes first, so that it is never cut off
            turns.sort(key=lambda t: t[0] != "read")
        if rng.random() < .04:
            turns.insert(rng.randrange(min(3, len(turns)) + 1), small_talk(rng))
        return Sample(kind, grid, media, list(turns))

    def attempt(self, kind, w, h):
        """(media, turns), or None when things did not fit."""
        rng, frame = self.rng, Frame(w, h, self.bank)
        if kind == "clip":
            frames = [frame] + [Frame(w, h, self.bank) for _ in range(rng.choice((3, 3, 3, 5, 7)))]
            drawn = draw_clip(rng, self.cast, frames, self.level)
            return drawn and ([frames], clip_questions(rng, *drawn))
        if kind == "album":
            frames = [frame] + [Frame(w, h, self.bank) for _ in range(rng.choice((1, 1, 1, 2)))]
            turns = album(rng, self.cast, self.words, self.faces, frames, self.level)
            return turns and ([[f] for f in frames], turns)
        behind = backdrop(rng)
        frame.backdrop(rng, behind, self.level)
        if kind == "text":
            drawn = draw_text(rng, frame, self.cast, behind, self.words, self.faces, self.level)
            return drawn and ([[frame]], text_questions(rng, *drawn, self.words))
        if kind == "chart":
            drawn = draw_chart(rng, frame, behind, self.words, self.faces)
            return drawn and ([[frame]], chart_questions(rng, *drawn))
        return self.scene(kind, frame, behind)

    def scene(self, kind, frame, behind):
        rng = self.rng
        least = 3 if self.split.layouts == "held" else 1
        n = max(least, rng.choices(range(1, 10), (7, 5, 4, 3, 2.5, 2.5, .5, .5, .5))[0])
        things = self.cast.several(behind, kind, n)
        if not things or not place(rng, things, frame.w, frame.h, self.split):
            return None
        for thing in things:
            frame.thing(thing)
        return [[frame]], scene_questions(rng, things, behind, frame.w, frame.h)
