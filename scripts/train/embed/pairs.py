"""Scenes in families: one, and others that differ from it in one respect, so that a batch holds hard negatives."""
import common  # noqa: F401
import copy
import random
from dataclasses import dataclass
from frame import Frame
from layouts import place
from scene import COLOR_NAMES, COLORS, VISIBLE, Backdrop, Cast, Split, backdrop, jitter
from pictograms import MONOCHROME
import facts as F
from wording import Wording

CELL = 28
# Merged cells, rows x columns: share of pictures. 168 x 168 pixels and what has about its area, a few smaller.
GRIDS = {(6, 6): .4, (5, 7): .1, (7, 5): .1, (5, 6): .08, (6, 5): .08, (5, 5): .07, (4, 8): .04, (8, 4): .04, (4, 9): .03, (9, 4): .03, (4, 4): .03}
SORTS = {"shapes": .4, "pictograms": .35, "mixed": .25}
NUMBERS = {1: 2, 2: 5, 3: 5, 4: 3.5, 5: 2, 6: 1}
CHANGES = ("recolor", "recolor", "reshape", "another", "swap", "swap", "mirror", "flip", "drop", "backdrop", "move", "double")


@dataclass
class Scene:
    things: list
    behind: Backdrop
    grid: tuple

    @property
    def size(self):
        """Width and height in pixels."""
        return self.grid[1] * CELL, self.grid[0] * CELL

    def facts(self):
        return F.scene_facts(self.things, self.behind, *self.size)

    def wording(self, rng):
        return Wording(rng, self.things, self.behind, *self.size)


class Scenes:
    """Seeded and endless. look_alikes: share of families with more than one scene."""

    def __init__(self, bank, split: Split, seed, look_alikes=.6):
        self.rng, self.bank, self.split, self.look_alikes, self.level = random.Random(seed), bank, split, look_alikes, 1.0
        self.cast = Cast(self.rng, bank.exists, split)

    def scene(self, grid=None):
        rng = self.rng
        while True:
            shape = grid or rng.choices(list(GRIDS), list(GRIDS.values()))[0]
            sort = rng.choices(list(SORTS), list(SORTS.values()))[0]
            if self.split.pairs == "held":
                sort = "shapes"
            n = rng.choices(list(NUMBERS), list(NUMBERS.values()))[0]
            behind = backdrop(rng)
            things = self.cast.several(behind, sort, max(n, 3) if self.split.layouts == "held" else n)
            if things and place(rng, things, shape[1] * CELL, shape[0] * CELL, self.split):
                return Scene(things, behind, shape)

    def family(self, most):
        """One to four scenes of one size."""
        first = self.scene()
        out = [first]
        if self.rng.random() < self.look_alikes:
            for _ in range(self.rng.randint(1, 3)):
                other = self.changed(self.rng.choice(out))
                if other:
                    out.append(other)
        return out[:most]

    def changed(self, scene):
        """The scene with one thing about it altered; None when that did not work."""
        rng, (w, h) = self.rng, scene.size
        things, behind = [copy.copy(t) for t in scene.things], scene.behind
        how, i = rng.choice(CHANGES), rng.randrange(len(things))
        t = things[i]
        if how in ("recolor", "reshape", "another"):
            if how == "another" or not t.shape:
                new = self.cast.pictogram(behind)
            elif how == "recolor":
                new = self.cast.shape(behind, None, t.shape)
            else:
                new = self.cast.shape(behind, t.color, None)
            if new is None or F.noun_of(new) == F.noun_of(t):
                return None
            new.x, new.y, new.r = t.x, t.y, t.r
            things[i] = new
        elif how == "swap":
            o = rng.choice(things)
            if F.noun_of(o) == F.noun_of(t):
                return None
            o.x, o.y, o.r, t.x, t.y, t.r = t.x, t.y, t.r, o.x, o.y, o.r
        elif how == "mirror":
            for o in things:
                o.x = w - o.x
        elif how == "flip":
            for o in things:
                o.y = h - o.y
        elif how == "drop":
            if len(things) < 2:
                return None
            del things[i]
        elif how in ("move", "double"):
            if how == "double":
                t = copy.copy(t)
                things.append(t)
            if len(things) > 6 or not self.moved(t, things, w, h):
                return None
        else:
            behind = self.other_backdrop(things)
            if behind is None:
                return None
        return Scene(things, behind, scene.grid)

    def moved(self, t, things, w, h):
        for _ in range(12):
            x, y = self.rng.uniform(t.r, w - t.r), self.rng.uniform(t.r, h - t.r)
            if all(o is t or (x - o.x) ** 2 + (y - o.y) ** 2 > (1.05 * (t.r + o.r)) ** 2 for o in things):
                t.x, t.y = x, y
                return True
        return False

    def other_backdrop(self, things):
        for _ in range(6):
            name = self.rng.choice(COLOR_NAMES)
            rgb = jitter(self.rng, COLORS[name], 8)
            behind = Backdrop(rgb, rgb, name)
            if all(behind.distance(t.rgb) >= VISIBLE for t in things if t.shape or t.design in MONOCHROME):
                return behind
        return None

    def frame(self, scene):
        frame = Frame(*scene.size, self.bank)
        frame.backdrop(self.rng, scene.behind, self.level)
        for t in scene.things:
            frame.thing(t)
        return frame
