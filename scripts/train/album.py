"""Several pictures in one question: which one has it, what is in each, what changed from one to the next."""
import copy
from language import article, capital
from layouts import place
from lettering import text_lines
from scene import COLORS, VISIBLE, backdrop, jitter
from scene_questions import Turns, absent_noun, references
from text_scene import layout_text

ORDINALS = ("first", "second", "third")


def draw_each(frames, scenes):
    for frame, things in zip(frames, scenes):
        for thing in things:
            frame.thing(thing)


def separate_scenes(rng, cast, frames, level):
    """Each picture its own few things; returns (scenes, backdrops) or None."""
    kind, scenes, backs = rng.choice(("shapes", "pictograms", "mixed")), [], []
    for frame in frames:
        behind = backdrop(rng)
        frame.backdrop(rng, behind, level)
        things = cast.several(behind, kind, rng.choices((1, 2, 3, 4), (5, 3, 2, 1))[0])
        if not things or not place(rng, things, frame.w, frame.h, cast.split):
            return None
        scenes.append(things)
        backs.append(behind)
    draw_each(frames, scenes)
    return scenes


def which(matches):
    """`The second picture.`, `Both pictures.`, `None of them.` from one truth value per picture."""
    hits = [i for i, m in enumerate(matches) if m]
    if not hits:
        return "None of them."
    if len(hits) == len(matches):
        return "Both pictures." if len(hits) == 2 else "All pictures."
    if len(hits) == 1:
        return f"The {ORDINALS[hits[0]]} picture."
    return f"The {ORDINALS[hits[0]]} and the {ORDINALS[hits[1]]} picture."


def which_questions(rng, scenes):
    turns, every = Turns(rng), [t for s in scenes for t in s]
    for _ in range(2):
        t = rng.choice(every)
        noun = t.name if rng.random() < .6 or not t.shape else t.shape
        if rng.random() < .15:
            noun = absent_noun(rng, every, not t.shape)
        turns.ask("album", [f"Which picture has {article(noun)}?", f"Which picture shows {article(noun)}?", f"In which picture is {article(noun)}?"],
                  which([any(noun in (o.name, o.shape) for o in s) for s in scenes]))
    i = rng.randrange(len(scenes))
    at = f"the {ORDINALS[i]} picture"
    turns.ask("album", [f"How many objects are in {at}?", f"How many things do you see in {at}?"], f"{len(scenes[i])}.")
    single = [j for j, s in enumerate(scenes) if len(s) == 1]
    if single:
        j = rng.choice(single)
        thing = scenes[j][0]
        turns.ask("album", [f"What is in the {ORDINALS[j]} picture?", f"What does the {ORDINALS[j]} picture show?"], capital(article(thing.name)) + ".")
    nouns = [(n, t) for n, t in references(scenes[i]).items() if t.shape == n]
    if nouns:
        noun, t = rng.choice(nouns)
        turns.ask("album", [f"What color is the {noun} in {at}?", f"What colour does the {noun} have in {at}?"], capital(t.color) + ".")
    sizes = [len(s) for s in scenes]
    turns.ask("album", ["Which picture has the most objects?", "Which picture has more objects?"] if len(scenes) == 2 else ["Which picture has the most objects?"],
              "They have the same number." if len(set(sizes)) == 1 else which([s == max(sizes) for s in sizes]))
    turns.ask("album", ["How many pictures are there?", "How many pictures do you see?"], f"{len(scenes)}.")
    return turns


DIRECTIONS = {"right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1)}


def moved_to(direction):
    return f"to the {direction}" if direction in ("left", "right") else direction


def changed_scene(rng, cast, behind, things, w, h):
    """One thing changes; returns (things after, sentence) or None. The first thing must be the only one of its name."""
    event = rng.choices(("color", "move", "appear", "vanish", "none"), (3, 3, 2, 2, 1.5))[0]
    after = [copy.copy(t) for t in things]
    t = after[0]
    if event == "none":
        return things, after, "Nothing."
    if sum(o.name == t.name for o in things) > 1:
        return None
    if event == "color":
        if not t.shape:
            return None
        options = [c for c in COLORS if c != t.color and cast.pair_allowed(c, t.shape) and behind.distance(COLORS[c]) > VISIBLE + 20]
        new = rng.choice(options)
        t.color, t.rgb, t.name = new, jitter(rng, COLORS[new], 10), f"{new} {t.shape}"
        return (things, after, f"The {things[0].name} is now {new}.") if not any(o.name == t.name for o in things) else None
    if event == "move":
        direction = rng.choice(list(DIRECTIONS))
        dx, dy = DIRECTIONS[direction]
        t.x, t.y = t.x + dx * rng.uniform(.25, .6) * w, t.y + dy * rng.uniform(.25, .6) * h
        inside = t.r <= t.x <= w - t.r and t.r <= t.y <= h - t.r
        free = all((t.x - o.x) ** 2 + (t.y - o.y) ** 2 > (t.r + o.r) ** 2 for o in after[1:])
        return (things, after, f"The {t.name} moved {moved_to(direction)}.") if inside and free else None
    if event == "appear":
        return things[1:], after, f"{capital(article(t.name))} appeared."
    return things, after[1:], f"The {t.name} is gone."


def changed_album(rng, cast, frames, level):
    """Two pictures of one scene; returns the questions or None."""
    first, second = frames[:2]
    w, h, behind = first.w, first.h, backdrop(rng)
    first.backdrop(rng, behind, level)
    second.back[:], second.soft = first.back, first.soft
    things = cast.several(behind, rng.choice(("shapes", "pictograms", "mixed")), rng.choices((1, 2, 3, 4), (3, 4, 3, 1))[0])
    if not things or not place(rng, things, w, h, cast.split):
        return None
    changed = changed_scene(rng, cast, behind, things, w, h)
    if changed is None:
        return None
    before, after, sentence = changed
    draw_each(frames, (before, after))
    turns = Turns(rng)
    turns.ask("album", ["What changed?", "What has changed?", "What is different?", "Spot the difference.", "What changed from the first picture to the second?"], sentence)
    turns.ask("album", ["Are the pictures the same?", "Is there a difference?", "Do the pictures differ?"], "")
    kind, question, _ = turns[-1]
    same = sentence == "Nothing."
    turns[-1] = (kind, question, "Yes." if same == question.startswith("Are") else "No.")
    i = rng.randrange(2)
    turns.ask("album", [f"How many objects are in the {ORDINALS[i]} picture?"], f"{len((before, after)[i])}.")
    return turns


def text_album(rng, words, faces, frames, level):
    """A short text in each picture."""
    said = []
    for frame in frames:
        behind, face = backdrop(rng), rng.choice(faces)
        frame.backdrop(rng, behind, level)
        line = " ".join(text_lines(rng, words, 0)[0])
        placed = layout_text(rng, [line], face, frame.w, frame.h)
        if placed is None:
            return None
        em, _, turn, x, y, _, _ = placed
        ink = (rng.randint(0, 60),) * 3 if behind.bright else (rng.randint(200, 255),) * 3
        if behind.distance(ink) < 2 * VISIBLE or not frame.text(face, line, x, y, em, turn, ink):
            return None
        said.append(line)
    turns = Turns(rng)
    for i in rng.sample(range(len(said)), 2):
        turns.ask("album", [f"What does the {ORDINALS[i]} picture say?", f"Read the text in the {ORDINALS[i]} picture."], said[i])
    one = rng.choice(said)
    turns.ask("album", [f'Which picture says "{one}"?'], which([s == one for s in said]))
    return turns


def album(rng, cast, words, faces, frames, level):
    """Draws onto two or three frames; returns the questions or None when the attempt failed."""
    c = rng.random()
    if c < .4 and len(frames) == 2:
        return changed_album(rng, cast, frames, level)
    if c < .55:
        return text_album(rng, words, faces, frames, level)
    scenes = separate_scenes(rng, cast, frames, level)
    return scenes and which_questions(rng, scenes)
