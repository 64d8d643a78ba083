"""Queries: what a person might type to find a scene, with the facts that the words claim."""
import common  # noqa: F401
import facts as F
from language import article, capital, listing, plural
from pictograms import NAMES
from scene import COLOR_NAMES, SHAPES

KINDS = {"full": .28, "part": .16, "zone": .2, "relation": .16, "count": .08, "background": .12}
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"]
ZONES = ["top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right"]
FRAMES = ["{}", "{}", "{}", "a picture of {}", "a picture with {}", "an image of {}", "an image with {}", "find {}", "show me {}", "I am looking for {}",
          "which picture shows {}?", "which image has {}?", "a scene with {}", "find the picture with {}", "search for {}", "do you have a picture of {}?"]
RELATION_WORDS = {"left": ("to the left of", "left of", "on the left of"), "right": ("to the right of", "right of", "on the right of"),
                  "above": ("above", "over"), "below": ("below", "under")}


def noun_text(noun):
    """The singular of a noun's number, without an article."""
    if noun < F.PICTOGRAMS:
        return NAMES[noun]
    if noun < F.COLORED:
        color, shape = divmod(noun - F.PICTOGRAMS, len(SHAPES))
        return f"{COLOR_NAMES[color]} {SHAPES[shape]}"
    if noun < F.COLOR_NOUN:
        return SHAPES[noun - F.SHAPE_NOUN]
    if noun < F.ANY_SHAPE:
        return COLOR_NAMES[noun - F.COLOR_NOUN] + " shape"
    return "shape" if noun == F.ANY_SHAPE else "object"


def zone_text(rng, zone):
    name = ZONES[zone]
    if name == "center":
        return rng.choice(("in the center", "in the middle", "at the center"))
    if name in ("left", "right"):
        return rng.choice((f"on the {name}", f"on the {name} side", f"at the {name}"))
    if " " not in name:
        return f"at the {name}"
    return rng.choice((f"in the {name}", f"at the {name}", f"in the {name} corner"))


def background_text(rng, color):
    return rng.choice((f"on a {color} background", f"on {color}", f"in front of a {color} background", f"against a {color} background")).replace("a orange", "an orange")


def counted(rng, noun, n):
    text = noun_text(noun)
    return article(text) if n == 1 else f"{rng.choice((NUMBERS[n], str(n)))} {plural(text)}"


class Wording:
    """Makes queries of one scene. things: placed; groups: the full names with their counts."""

    def __init__(self, rng, things, behind, w, h):
        self.rng, self.things, self.behind, self.w, self.h = rng, things, behind, w, h
        self.groups = {}
        for t in things:
            self.groups.setdefault(F.noun_of(t), []).append(t)

    def group(self, noun):
        """(text, facts) of all things of one full name."""
        n = len(self.groups[noun])
        return counted(self.rng, noun, n), {F.has(noun)} if n == 1 else {F.count(noun, n)}

    def element(self, noun, vague=.2):
        """As `group`, sometimes by shape or colour alone."""
        t = self.groups[noun][0]
        if t.shape and self.rng.random() < vague:
            other = self.rng.choice(F.nouns_of(t)[1:3])
            n = sum(other in F.nouns_of(o) for o in self.things)
            return counted(self.rng, other, n), {F.has(other)} if n == 1 else {F.count(other, n)}
        return self.group(noun)

    def names(self, least, most):
        order = list(self.groups)
        self.rng.shuffle(order)
        return order[:self.rng.randint(min(least, len(order)), min(most, len(order)))]

    def join(self, elements):
        texts, claims = [text for text, _ in elements], set().union(*(c for _, c in elements))
        return (texts[0] if len(texts) == 1 else " and ".join(texts) if self.rng.random() < .3 else listing(texts)), claims

    def with_background(self, made, chance):
        if self.behind.name and self.rng.random() < chance:
            return f"{made[0]} {background_text(self.rng, self.behind.name)}", made[1] | {F.background(self.behind.name)}
        return made

    def full(self):
        return self.with_background(self.join([self.group(n) for n in self.names(5, 5)]), .35)

    def part(self):
        return self.join([self.element(n) for n in self.names(1, 2)])

    def background(self):
        if not self.behind.name:
            return None
        return self.with_background(self.join([self.element(n) for n in self.names(1, 2)]), 1)

    def zone(self):
        placed = [(n, F.strict_zone(g[0], self.w, self.h)) for n, g in self.groups.items() if len(g) == 1]
        placed = [(n, z) for n, z in placed if z is not None]
        if not placed:
            return None
        self.rng.shuffle(placed)
        parts = []
        for noun, z in placed[:self.rng.choice((1, 1, 2))]:
            text, claims = self.element(noun, .1)
            if len(claims & {F.has(m) for m in F.nouns_of(self.groups[noun][0])}) != 1:  # several of that shape: which one is meant would be open
                text, claims = self.group(noun)
            own = next(m for m in F.nouns_of(self.groups[noun][0]) if F.has(m) in claims)
            parts.append((f"{text} {zone_text(self.rng, z)}", claims | {F.in_zone(own, z)}))
        others = [n for n in self.groups if n not in {p[0] for p in placed[:2]}]
        if len(parts) == 1 and others and self.rng.random() < .35:
            parts.append(self.group(self.rng.choice(others)))
        return self.join(parts)

    def relation(self):
        single = [(n, g[0]) for n, g in self.groups.items() if len(g) == 1]
        if len(single) < 2:
            return None
        (a, first), (b, second) = self.rng.sample(single, 2)
        told = F.strict_relations(first, second, self.w, self.h)
        if not told:
            return None
        which = self.rng.choice(told)
        made = (f"{article(noun_text(a))} {self.rng.choice(RELATION_WORDS[which])} {article(noun_text(b))}", {F.has(a), F.has(b), F.relation(a, which, b)})
        others = [n for n in self.groups if n not in (a, b)]
        if others and self.rng.random() < .3:
            made = self.join([made, self.group(self.rng.choice(others))])
        return self.with_background(made, .2)

    def count(self):
        total = len(self.things)
        if total < 2 or total > 8:
            return None
        all_shapes = all(t.shape for t in self.things)
        noun = F.ANY_SHAPE if all_shapes and self.rng.random() < .5 else F.ANYTHING
        word = "shapes" if noun == F.ANY_SHAPE else self.rng.choice(("objects", "things"))
        text, claims = self.element(self.rng.choice(list(self.groups)))
        number = self.rng.choice((NUMBERS[total], str(total)))
        if self.rng.random() < .5:
            return f"{number} {word}, {self.rng.choice(('one of them', 'among them')) + ' ' if claims <= set(range(F.COUNT)) else ''}{text}", claims | {F.count(noun, total)}
        return f"{text}, {number} {word} in all", claims | {F.count(noun, total)}

    def query(self, kind):
        """(text, claims) in a sentence's form; None where the scene does not lend itself to this kind."""
        made = getattr(self, kind)()
        if made is None:
            return None
        rng, (text, claims) = self.rng, made
        if rng.random() < .15:
            text = text.replace("gray", "grey")
        text = rng.choice(FRAMES).format(text)
        if rng.random() < .5:
            text = capital(text)
        if not text.endswith("?") and rng.random() < .35:
            text += "."
        return text, claims

    def any_query(self):
        """(kind, text, claims)"""
        for _ in range(4):
            kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
            made = self.query(kind)
            if made:
                return kind, *made
        return "full", *self.query("full")

    def document(self):
        """A caption for text documents."""
        text = capital(self.full()[0])
        return text + ("." if self.rng.random() < .7 else "")
