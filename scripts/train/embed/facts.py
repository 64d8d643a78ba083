"""What is true of a scene, as a set of numbers, so that a query is true of a scene when its facts are a subset.

Facts are taken loosely of scenes and strictly of queries: a thing near the border of two zones lies in both for a scene, and no query
says so. A query that is false of a scene is then plainly false.
"""
import common  # noqa: F401
from pictograms import NAMES
from scene import COLOR_NAMES, COLORS, SHAPES, distance

PICTOGRAMS, COLORED = len(NAMES), len(NAMES) + len(COLOR_NAMES) * len(SHAPES)
SHAPE_NOUN, COLOR_NOUN = COLORED, COLORED + len(SHAPES)
ANY_SHAPE = COLOR_NOUN + len(COLOR_NAMES)
ANYTHING = ANY_SHAPE + 1
NOUNS = ANYTHING + 1
MOST = 8                                     # counts told apart
HAS, COUNT = 0, NOUNS
ZONE = COUNT + NOUNS * MOST
BACKGROUND = ZONE + NOUNS * 9
RELATION = BACKGROUND + len(COLOR_NAMES)
RELATIONS = ("left", "right", "above", "below")
NEAR_COLOR = 190                             # backdrops this near to a named colour may be called by it
BITS = 8192                                  # facts are folded to this many bits for the truth table of a batch
COLOR_INDEX = {c: i for i, c in enumerate(COLOR_NAMES)}
SHAPE_INDEX = {s: i for i, s in enumerate(SHAPES)}


def noun_of(thing):
    return PICTOGRAMS + COLOR_INDEX[thing.color] * len(SHAPES) + SHAPE_INDEX[thing.shape] if thing.shape else thing.index


def nouns_of(thing):
    """Every noun that fits: full name, shape, colour, `shape`, `thing`."""
    if not thing.shape:
        return (thing.index, ANYTHING)
    return (noun_of(thing), SHAPE_NOUN + SHAPE_INDEX[thing.shape], COLOR_NOUN + COLOR_INDEX[thing.color], ANY_SHAPE, ANYTHING)


def has(noun):
    return HAS + noun


def count(noun, n):
    return COUNT + noun * MOST + min(n, MOST) - 1


def in_zone(noun, zone):
    """zone: 3 * row + column."""
    return ZONE + noun * 9 + zone


def background(color):
    return BACKGROUND + COLOR_INDEX[color]


def relation(a, which, b):
    return RELATION + (a * NOUNS + b) * 4 + RELATIONS.index(which)


def axis_cells(f, margin=.05):
    """The thirds that a place 0..1 may be said to lie in."""
    return {min(2, max(0, int((f + d) * 3))) for d in (-margin, 0, margin)}


def strict_zone(thing, w, h, margin=.04):
    """3 * row + column, or None near a border."""
    fx, fy = thing.x / w, thing.y / h
    if min(abs(fx - 1 / 3), abs(fx - 2 / 3), abs(fy - 1 / 3), abs(fy - 2 / 3)) < margin:
        return None
    return 3 * int(fy * 3) + int(fx * 3)


def strict_relations(a, b, w, h):
    """What may be said of a and b: apart by 14 % of the side, and not much more apart the other way."""
    dx, dy = (a.x - b.x) / w, (a.y - b.y) / h
    out = []
    if abs(dx) > .14 and abs(dx) > .7 * abs(dy):
        out.append("left" if dx < 0 else "right")
    if abs(dy) > .14 and abs(dy) > .7 * abs(dx):
        out.append("above" if dy < 0 else "below")
    return out


def backgrounds(behind):
    """Named colours that the backdrop may be called."""
    if behind.name:
        return {behind.name}
    return {c for c, rgb in COLORS.items() if min(distance(rgb, behind.first), distance(rgb, behind.second)) < NEAR_COLOR}


def scene_facts(things, behind, w, h):
    out, counts = {background(c) for c in backgrounds(behind)}, {}
    for t in things:
        rows, columns = axis_cells(t.y / h), axis_cells(t.x / w)
        for noun in nouns_of(t):
            counts[noun] = counts.get(noun, 0) + 1
            if noun != ANYTHING:
                out.update(in_zone(noun, 3 * r + c) for r in rows for c in columns)
    for noun, n in counts.items():
        out.add(has(noun))
        out.add(count(noun, n))
    full = [noun_of(t) for t in things]
    for i, a in enumerate(things):
        for j, b in enumerate(things):
            if full[i] != full[j]:
                dx, dy, base = (a.x - b.x) / w, (a.y - b.y) / h, RELATION + (full[i] * NOUNS + full[j]) * 4
                if dx < -.04:
                    out.add(base)
                elif dx > .04:
                    out.add(base + 1)
                if dy < -.04:
                    out.add(base + 2)
                elif dy > .04:
                    out.add(base + 3)
    return out


def fold(fact):
    return (fact * 2654435761 & 0xFFFFFFFF) >> 19  # 13 bits
