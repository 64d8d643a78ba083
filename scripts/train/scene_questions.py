"""Questions about a still scene. Every answer is a function of scene and question, so exact match is a fair measure."""
from language import article, be, capital, counted, listing, plural
from layouts import zone, zone_phrase
from scene import COLOR_NAMES, SHAPES
from pictograms import NAMES

READ = ["What does it say?", "Read the text.", "What is written here?", "What does the sign say?", "What word is this?"]


class Turns(list):
    """Collects (kind, question, answer)."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.picture = rng.choice(("picture", "image"))

    def ask(self, kind, questions, answer):
        self.append((kind, self.rng.choice(questions).replace("{pic}", self.picture), answer))


def can_not_tell(noun):
    return f"I can't tell. There {be(noun)} no {noun}."


def absent_noun(rng, things, pictogram):
    """Something that is not in the scene."""
    have = {t.name for t in things} | {t.shape for t in things}
    while True:
        noun = rng.choice(NAMES) if pictogram else rng.choice(SHAPES) if rng.random() < .5 else f"{rng.choice(COLOR_NAMES)} {rng.choice(SHAPES)}"
        if noun not in have:
            return noun


def references(things):
    """Noun -> thing where the noun fits exactly one: its name, or its shape alone."""
    fits = {}
    for t in things:
        for noun in {t.name, t.shape or t.name}:
            fits.setdefault(noun, []).append(t)
    return {noun: found[0] for noun, found in fits.items() if len(found) == 1}


def where_questions(noun):
    return [f"Where is the {noun}?", f"Where can I find the {noun}?", f"In which part of the {{pic}} is the {noun}?", f"Where in the {{pic}} is the {noun}?"]


def color_questions(noun):
    return [f"What color is the {noun}?", f"What colour is the {noun}?", f"Which color does the {noun} have?", f"Tell me the color of the {noun}."]


OPEN_QUESTIONS = ["What is this?", "What is in the {pic}?", "What do you see?", "What does the {pic} show?", "What can you see in this {pic}?"]


def ask_names(turns, things, named, w, h):
    rng, n = turns.rng, len(things)
    if n == 1:
        t = things[0]
        turns.ask("shape" if t.shape else "pictogram", [*OPEN_QUESTIONS, "Name the object.", "Which object is this?"], capital(article(t.name)) + ".")
        if t.shape:
            turns.ask("color", ["What color is it?", "What colour is it?", "Which color is this?", "What color is the shape?", f"What color is the {t.shape}?"], capital(t.color) + ".")
            turns.ask("shape", ["What shape is it?", "What shape is this?", "Which shape is this?", "Name the shape."], capital(article(t.shape)) + ".")
    for noun, t in rng.sample(list(named.items()), min(2, len(named))):
        if noun == t.shape:
            turns.ask("color", color_questions(noun), capital(t.color) + ".")
        ninth = zone(t, w, h)
        if ninth:
            turns.ask("where", where_questions(noun), capital(ninth) + ".")
    colored = [t for t in things if t.shape]
    if colored:
        color = rng.choice(colored).color
        same = [t for t in colored if t.color == color]
        if len(same) == 1:
            turns.ask("shape", [f"What shape is {color}?", f"Which shape is {color}?", f"What is the {color} shape?", f"What {color} shape is there?"], capital(article(same[0].shape)) + ".")


def countable(rng, things):
    """A plural to count and how many there are."""
    shapes_only, any_shape = all(t.shape for t in things), any(t.shape for t in things)
    if rng.random() < .3:
        return rng.choice(["objects", "things"] + (["shapes"] if shapes_only else [] if any_shape else ["pictures", "icons"])), len(things)
    t = rng.choice(things) if rng.random() < .85 else None
    if not shapes_only:
        noun = t.name if t else rng.choice(NAMES)
        return plural(noun), sum(o.name == noun for o in things)
    by = rng.choice(("shape", "color", "name"))
    if by == "shape":
        shape = t.shape if t else rng.choice(SHAPES)
        return plural(shape), sum(o.shape == shape for o in things)
    color = t.color if t else rng.choice(COLOR_NAMES)
    if by == "color":
        return f"{color} {rng.choice(('shapes', 'objects'))}", sum(o.color == color for o in things)
    noun = t.name if t else f"{color} {rng.choice(SHAPES)}"
    return plural(noun), sum(o.name == noun for o in things)


def ask_count(turns, things):
    what, n = countable(turns.rng, things)
    turns.ask("count", [f"How many {what} are there?", f"How many {what} do you see?", f"Count the {what}.", f"How many {what} are in the {{pic}}?", f"What is the number of {what}?"], f"{n}.")


def ask_presence(turns, things):
    rng = turns.rng
    pictograms, shapes = any(not t.shape for t in things), any(t.shape for t in things)
    other = lambda: absent_noun(rng, things, pictograms and (not shapes or rng.random() < .5))
    if rng.random() < .5:
        t, answer = rng.choice(things), "Yes."
        noun = t.name if rng.random() < .6 or not t.shape else t.shape
    else:
        noun, answer = other(), "No."
    turns.ask("exists", [f"{capital(be(noun))} there {article(noun)}?", f"{capital(be(noun))} there {article(noun)} in the {{pic}}?", f"Do you see {article(noun)}?",
              f"Can you see {article(noun)}?", f"Does the {{pic}} show {article(noun)}?"], answer)
    if rng.random() < .5:
        noun = other()
        turns.ask("absent", where_questions(noun) + (color_questions(noun) if noun in SHAPES else []), can_not_tell(noun))
    if rng.random() < .12:
        turns.ask("absent", READ, "I can't tell. There is no text.")


RELATIONS = {"left": ("to the left of", "left of"), "right": ("to the right of", "right of"), "above": ("above", "above"), "below": ("below", "under")}


def ask_relations(turns, things, named, w, h):
    """Apart by more than 14 % of the side, so that the answer is plain."""
    rng = turns.rng
    if len(things) < 2 or len(named) < 2:
        return
    for _ in range(2):
        (noun_a, a), (noun_b, b) = rng.sample(list(named.items()), 2)
        dx, dy = (a.x - b.x) / w, (a.y - b.y) / h
        sideways = abs(dx) > .14 and (abs(dy) <= .14 or rng.random() < .5)
        if a is b or (not sideways and abs(dy) <= .14):
            continue
        if len(things) == 2 and rng.random() < .3:
            relation = ("left" if dx < 0 else "right") if sideways else "above" if dy < 0 else "below"
            phrase = rng.choice(RELATIONS[relation])
            turns.ask("relation", [f"What is {phrase} the {noun_b}?", f"Which object is {phrase} the {noun_b}?", f"Name the object {phrase} the {noun_b}."], capital(article(a.name)) + ".")
        else:
            relation = rng.choice(("left", "right") if sideways else ("above", "below"))
            true = {"left": dx < 0, "right": dx > 0, "above": dy < 0, "below": dy > 0}[relation]
            turns.ask("relation", [f"Is the {noun_a} {rng.choice(RELATIONS[relation])} the {noun_b}?"], "Yes." if true else "No.")


def ask_contents(turns, things):
    """The open question most people ask first, for several things: what there is, from left to right."""
    counts = {}
    for t in sorted(things, key=lambda t: t.x):
        counts[t.name] = counts.get(t.name, 0) + 1
    if len(things) > 1 and len(counts) <= 4 and len(things) <= 6 and (len(counts) == 1 or apart(things)):
        turns.ask("contents", OPEN_QUESTIONS, capital(listing([counted(noun, n) for noun, n in counts.items()])) + ".")


def apart(things, least=8):
    """Whether the order from left to right is plain, in pixels."""
    xs = sorted(t.x for t in things)
    return all(b - a >= least for a, b in zip(xs, xs[1:]))


def caption_of(things, w, h):
    """A phrase such as `a cat to the left of a red star`; None where the scene has no plain one."""
    if len(things) == 1:
        ninth = zone(things[0], w, h)
        return ninth and f"{article(things[0].name)} {zone_phrase(ninth)}"
    if len(things) == 2:
        a, b = things
        dx, dy = a.x - b.x, a.y - b.y
        if abs(dx) > 1.4 * abs(dy):
            left, right = (a, b) if dx < 0 else (b, a)
            return f"{article(left.name)} to the left of {article(right.name)}"
        if abs(dy) > 1.4 * abs(dx):
            top, bottom = (a, b) if dy < 0 else (b, a)
            return f"{article(top.name)} above {article(bottom.name)}"
        return None
    order = sorted(things, key=lambda t: t.x)
    if len({t.name for t in things}) > (4 if len(things) <= 4 else 2) or len(things) > 6:
        return None
    if len({t.name for t in things}) > 1 and min(b.x - a.x for a, b in zip(order, order[1:])) < .03 * w:
        return None
    counts = {}
    for t in order:
        counts[t.name] = counts.get(t.name, 0) + 1
    return listing([counted(noun, n) for noun, n in counts.items()])


def ask_caption(turns, phrase, kind="caption"):
    """Two manners: a whole sentence when asked to describe, a phrase when asked for a caption."""
    if turns.rng.random() < .65:
        turns.ask(kind, ["Describe the {pic}.", "Describe this {pic}.", "What is shown in this {pic}?", "Describe what you see.", "Describe the {pic} in one sentence."],
                  f"The {{pic}} shows {phrase}.")
        question = turns[-1][1]  # the answer takes up the word of the question
        word = "image" if "image" in question else "picture"
        turns[-1] = (kind, question, f"The {word} shows {phrase}.")
    else:
        turns.ask(kind, ["Give a caption for this {pic}.", "Give the {pic} a caption.", "Write a caption.", "Caption this {pic}."], capital(phrase) + ".")


def scene_questions(rng, things, behind, w, h):
    turns, named = Turns(rng), references(things)
    ask_names(turns, things, named, w, h)
    ask_count(turns, things)
    ask_presence(turns, things)
    ask_relations(turns, things, named, w, h)
    ask_contents(turns, things)
    phrase = caption_of(things, w, h)
    if phrase:
        ask_caption(turns, phrase)
    if behind.name and rng.random() < .7:
        turns.ask("background", ["What color is the background?", "What colour is the background?", "Which color does the background have?"], capital(behind.name) + ".")
    return turns
