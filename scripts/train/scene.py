"""What a picture holds: things (shapes and pictograms) with a place, a colour and a name, and the rules that choose them."""
import random
from dataclasses import dataclass, field
from pictograms import DESIGN_WEIGHTS, HELD_DESIGN, MONOCHROME, NAMES, TRAIN_DESIGNS

SHAPES = ["circle", "square", "triangle", "star", "diamond", "heart", "hexagon", "cross", "ring", "crescent"]
COLORS = {"red": (222, 40, 40), "green": (40, 165, 70), "blue": (45, 85, 220), "yellow": (248, 215, 40), "orange": (245, 140, 30),
          "purple": (130, 55, 175), "pink": (250, 140, 195), "brown": (125, 75, 40), "black": (20, 20, 20), "white": (248, 248, 248),
          "gray": (135, 135, 135), "cyan": (50, 205, 215)}
COLOR_NAMES = list(COLORS)
# Pairs that training never shows.
HELD_PAIRS = {("purple", "heart"), ("green", "star"), ("red", "hexagon"), ("blue", "crescent"), ("orange", "cross"),
              ("yellow", "ring"), ("pink", "square"), ("brown", "circle"), ("cyan", "triangle"), ("white", "diamond")}
FREELY_TURNED = {"circle", "star", "hexagon", "ring"}
VISIBLE = 100  # least colour distance between a thing and what lies behind it


@dataclass(slots=True)
class Thing:
    """x, y, r in pixels of the picture, y downwards; turn in radians."""
    kind: str
    name: str
    shape: str | None = None
    color: str | None = None
    index: int = -1
    design: int = -1
    rgb: tuple = (255, 255, 255)
    hollow: bool = False
    flip: bool = False
    saturation: float = 1.0
    turn: float = 0.0
    x: float = 0.0
    y: float = 0.0
    r: float = 0.0


@dataclass(frozen=True)
class Split:
    """Which part of the data a generator draws from, and how often each kind of sample comes."""
    fonts: str = "train"
    words: str = "train"
    pairs: str = "train"
    designs: tuple = tuple(TRAIN_DESIGNS)
    layouts: str = "train"
    grids: tuple | None = None      # only these picture sizes (merged cells, height x width)
    kinds: dict = field(default_factory=lambda: dict(SAMPLE_KINDS))


SAMPLE_KINDS = {"shapes": .15, "pictograms": .19, "mixed": .06, "text": .35, "chart": .08, "album": .07, "clip": .08, "chat": .02}
HELD_OUT = dict(fonts="held", words="held", pairs="held", designs=(HELD_DESIGN,), layouts="held")


def jitter(rng, rgb, amount):
    return tuple(max(0, min(255, v + rng.randint(-amount, amount))) for v in rgb)


def distance(a, b):
    return abs(a[0] - b[0]) * .9 + abs(a[1] - b[1]) * 1.3 + abs(a[2] - b[2]) * .8


@dataclass
class Backdrop:
    """A gradient from one colour to another (often the same); `name` is set when the colour can be named."""
    first: tuple
    second: tuple
    name: str | None = None

    def distance(self, rgb):
        return min(distance(rgb, self.first), distance(rgb, self.second))

    @property
    def bright(self):
        return sum(self.first) + sum(self.second) > 760


def backdrop(rng):
    m = rng.random()
    if m < .25:
        name = rng.choice(COLOR_NAMES)
        first = jitter(rng, COLORS[name], 8)
        return Backdrop(first, first, name)
    if m < .45:
        first = jitter(rng, (235, 235, 235), 20)
    elif m < .55:
        first = jitter(rng, (25, 25, 30), 20)
    else:
        first = tuple(rng.randint(0, 255) for _ in range(3))
    second = first if rng.random() < .5 else tuple(max(0, min(255, v + rng.randint(-70, 70))) for v in first)
    return Backdrop(first, second)


class Cast:
    """Chooses things for a scene. `exists[design][index]` tells which pictograms a design has."""

    def __init__(self, rng: random.Random, exists, split: Split):
        self.rng, self.exists, self.split = rng, exists, split
        self.weights = [DESIGN_WEIGHTS[d] if d < len(DESIGN_WEIGHTS) else 1 for d in split.designs]

    def pair_allowed(self, color, shape):
        if self.split.pairs == "held":
            return (color, shape) in HELD_PAIRS or self.rng.random() < .15
        return (color, shape) not in HELD_PAIRS

    def shape(self, behind, color=None, shape=None):
        """A coloured shape that stands out from the backdrop; None when the wish cannot be met."""
        rng = self.rng
        for _ in range(40):
            s, c = shape or rng.choice(SHAPES), color or rng.choice(COLOR_NAMES)
            if not self.pair_allowed(c, s):
                continue
            rgb = jitter(rng, COLORS[c], 10 if c in ("black", "white") else 18)
            if behind.distance(rgb) < VISIBLE:
                continue
            turn = rng.uniform(-3.14, 3.14) if s in FREELY_TURNED else rng.uniform(-.25, .25)
            return Thing("shape", f"{c} {s}", s, c, rgb=rgb, hollow=s != "ring" and rng.random() < .15, turn=turn)
        return None

    def pictogram(self, behind, index=None, design=None):
        rng = self.rng
        index = rng.randrange(len(NAMES)) if index is None else index
        while design is None or not self.exists[design][index]:
            design = rng.choices(self.split.designs, self.weights)[0]
        thing = Thing("pictogram", NAMES[index], index=index, design=design, flip=rng.random() < .25, turn=rng.uniform(-.2, .2))
        if design in MONOCHROME:
            thing.rgb = tuple(rng.randint(0, 90) if behind.bright else rng.randint(170, 255) for _ in range(3))
        else:
            thing.rgb = tuple(rng.randint(200, 255) for _ in range(3))
            thing.saturation = rng.choice((1, 1, 1, rng.uniform(.2, 1.3), 0))
        return thing

    def one(self, behind, kind):
        if kind == "shapes" or (kind == "mixed" and self.rng.random() < .5):
            return self.shape(behind)
        return self.pictogram(behind)

    def several(self, behind, kind, n):
        """n things; repeats are likely, so that counting means something."""
        rng, things, k = self.rng, [], self.rng.randint(1, n)
        family = n > 1 and rng.random() < .5
        if family and kind == "shapes":
            pick = rng.random()
            shape = rng.choice(SHAPES) if pick < .6 else None
            color = rng.choice(COLOR_NAMES) if pick > .45 else None
            things = [self.shape(behind, color, shape) or self.shape(behind) if i < k else self.shape(behind) for i in range(n)]
        elif family and kind == "pictograms":
            first = self.pictogram(behind)
            for i in range(n):
                thing = self.pictogram(behind, first.index, first.design) if i < k else self.pictogram(behind)
                if i < k:
                    thing.rgb, thing.saturation = first.rgb, first.saturation
                things.append(thing)
        else:
            things = [self.one(behind, kind) for _ in range(n)]
        things = [t for t in things if t is not None]
        rng.shuffle(things)
        return things
