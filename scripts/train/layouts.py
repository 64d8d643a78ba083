"""Where things lie: freely, in rows, columns, diagonals or grids; rings and zigzags are held out."""
import math

TRAIN_LAYOUTS = {"free": 6, "row": 1, "column": 1, "diagonal": 1, "grid": 1.5}
HELD_LAYOUTS = {"ring": 1, "zigzag": 1}
LARGEST = {1: .36, 2: .24, 3: .19, 4: .165, 5: .15}  # radius for n things, as a share of the picture's mean side
LEAST_RADIUS = 9.0


def free(rng, things, w, h):
    side, n, done = math.sqrt(w * h), len(things), []
    high = min(LARGEST.get(n, .135 if n < 7 else .11) * side, min(w, h) * .46)
    for thing in things:
        r = rng.uniform(max(LEAST_RADIUS, high * .4), high)
        for attempt in range(40):
            x, y = rng.uniform(r, w - r), rng.uniform(r, h - r)
            if all((x - o.x) ** 2 + (y - o.y) ** 2 > (1.08 * (r + o.r)) ** 2 for o in done):
                break
            if attempt % 8 == 7:
                r = max(LEAST_RADIUS, r * .85)
        else:
            return False
        thing.x, thing.y, thing.r = x, y, r
        done.append(thing)
    return True


def _line(rng, things, w, h, vertical, slanted):
    n = len(things)
    long, wide = (h, w) if vertical else (w, h)
    r = min(long / (2.2 * n), wide / 2.2, math.sqrt(w * h) * .3) * rng.uniform(.7, 1)
    if r < LEAST_RADIUS:
        return False
    start, end = (r, wide - r) if slanted else (rng.uniform(r, wide - r),) * 2
    if rng.random() < .5:
        start, end = end, start
    for i, thing in enumerate(things):
        a, b = long * (i + .5) / n, start + (end - start) * i / max(1, n - 1)
        thing.x, thing.y, thing.r = (b, a, r) if vertical else (a, b, r)
    return True


def row(rng, things, w, h):
    return _line(rng, things, w, h, False, False)


def column(rng, things, w, h):
    return _line(rng, things, w, h, True, False)


def diagonal(rng, things, w, h):
    return len(things) > 1 and _line(rng, things, w, h, h > w, True)


def grid(rng, things, w, h):
    n = len(things)
    rows = [k for k in (2, 3) if n % k == 0 and n // k >= 2]
    if not rows:
        return False
    rows = rng.choice(rows)
    cols = n // rows
    if rng.random() < .5:
        rows, cols = cols, rows
    r = min(w / cols, h / rows) * rng.uniform(.3, .45)
    if r < LEAST_RADIUS:
        return False
    for i, thing in enumerate(things):
        thing.x, thing.y, thing.r = (i % cols + .5) * w / cols, (i // cols + .5) * h / rows, r
    return True


def ring(rng, things, w, h):
    n = len(things)
    if n < 3:
        return False
    around, first = min(w, h) * .34, rng.uniform(0, 6.28)
    r = min(min(w, h) * .15, around * math.sin(math.pi / n) * .9)
    if r < LEAST_RADIUS:
        return False
    for i, thing in enumerate(things):
        angle = first + 2 * math.pi * i / n
        thing.x, thing.y, thing.r = w / 2 + around * math.cos(angle) * w / min(w, h) * .9, h / 2 + around * math.sin(angle) * h / min(w, h) * .9, r
    return True


def zigzag(rng, things, w, h):
    n = len(things)
    if n < 3:
        return False
    long, wide = max(w, h), min(w, h)
    r = min(long / (2.2 * n), wide * .22)
    if r < LEAST_RADIUS:
        return False
    for i, thing in enumerate(things):
        a, b = long * (i + .5) / n, wide * (.3 if i % 2 else .7)
        thing.x, thing.y, thing.r = (a, b, r) if w >= h else (b, a, r)
    return True


PLACES = {"free": free, "row": row, "column": column, "diagonal": diagonal, "grid": grid, "ring": ring, "zigzag": zigzag}


def place(rng, things, w, h, split):
    """Gives every thing its x, y and r; False when they do not fit."""
    table = HELD_LAYOUTS if split.layouts == "held" else TRAIN_LAYOUTS
    name = rng.choices(list(table), list(table.values()))[0]
    return PLACES[name](rng, things, w, h)


ZONES = [["top left", "top", "top right"], ["left", "center", "right"], ["bottom left", "bottom", "bottom right"]]
PHRASES = {"center": "in the center", "top": "at the top", "bottom": "at the bottom", "left": "on the left", "right": "on the right"}


def zone(thing, w, h, margin=.035):
    """The ninth of the picture a thing lies in; None too near a border between two."""
    fx, fy = thing.x / w, thing.y / h
    if min(abs(fx - 1 / 3), abs(fx - 2 / 3), abs(fy - 1 / 3), abs(fy - 2 / 3)) < margin:
        return None
    return ZONES[max(0, min(2, int(fy * 3)))][max(0, min(2, int(fx * 3)))]


def zone_phrase(name):
    return PHRASES.get(name, "in the " + name)
