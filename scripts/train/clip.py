"""Short clips: one thing moves, appears, vanishes or changes colour, or nothing happens."""
from album import DIRECTIONS, moved_to
from language import article, capital
from layouts import place
from scene import COLORS, VISIBLE, backdrop, jitter
from scene_questions import Turns, absent_noun, can_not_tell, references

EVENTS = {"move": 5, "appear": 2, "vanish": 2, "recolor": .8, "still": 1.2}


def path_of(rng, thing, others, direction, w, h):
    """Where the thing ends up, or None when it would leave the picture or run into another."""
    dx, dy = DIRECTIONS[direction]
    far, drift = rng.uniform(.3, .65), rng.uniform(-.05, .05)
    end_x, end_y = thing.x + (dx * far + drift * abs(dy)) * w, thing.y + (dy * far + drift * abs(dx)) * h
    if not (thing.r <= end_x <= w - thing.r and thing.r <= end_y <= h - thing.r):
        return None
    for q in (0, .25, .5, .75, 1):
        x, y = thing.x + (end_x - thing.x) * q, thing.y + (end_y - thing.y) * q
        if any((x - o.x) ** 2 + (y - o.y) ** 2 < (.9 * (thing.r + o.r)) ** 2 for o in others):
            return None
    return end_x, end_y


def draw_clip(rng, cast, frames, level):
    """Returns (things, event, actor, detail) or None when the attempt failed. All frames share a backdrop."""
    first = frames[0]
    w, h, behind = first.w, first.h, backdrop(rng)
    first.backdrop(rng, behind, level * .8)
    for frame in frames[1:]:
        frame.back[:], frame.soft = first.back, first.soft
    event = rng.choices(list(EVENTS), list(EVENTS.values()))[0]
    things = cast.several(behind, rng.choice(("shapes", "shapes", "pictograms")), rng.choices((1, 2, 3), (4, 4, 2))[0])
    if not things or not place(rng, things, w, h, cast.split):
        return None
    for t in things:
        t.r = max(9.0, t.r * .8)
    actor, detail, end = things[0], None, None
    if sum(t.name == actor.name for t in things) > 1:
        return None
    if event == "move":
        detail = rng.choice(list(DIRECTIONS))
        end = path_of(rng, actor, things[1:], detail, w, h)
        if end is None:
            return None
    if event == "recolor":
        options = [c for c in COLORS if c != actor.color and actor.shape and cast.pair_allowed(c, actor.shape) and behind.distance(COLORS[c]) > VISIBLE + 20]
        if not options:
            return None
        detail = rng.choice(options)
        if any(t.name == f"{detail} {actor.shape}" for t in things):
            return None
    act(rng, frames, things, actor, event, detail, end)
    return things, event, actor, detail


def act(rng, frames, things, actor, event, detail, end):
    """Draws every frame. The actor keeps its first colour and place in `things` for the questions."""
    count, start = len(frames), (actor.x, actor.y, actor.color, actor.rgb)
    cut = rng.randint(1, count - 1)
    order = rng.sample(things, len(things))
    after = jitter(rng, COLORS[detail], 10) if event == "recolor" else None
    for i, frame in enumerate(frames):
        if event == "move":
            q = i / (count - 1)
            actor.x, actor.y = start[0] + (end[0] - start[0]) * q, start[1] + (end[1] - start[1]) * q
        if event == "recolor" and i >= cut:
            actor.color, actor.rgb = detail, after
        hidden = (event == "appear" and i < cut) or (event == "vanish" and i >= cut)
        for t in order:
            if not (hidden and t is actor):
                frame.thing(t)
    actor.x, actor.y, actor.color, actor.rgb = start


def clip_questions(rng, things, event, actor, detail):
    turns, clip, named = Turns(rng), rng.choice(("clip", "video")), references(things)
    the, a = f"the {actor.name}", article(actor.name)
    happens = {"move": f"{capital(the)} moves {moved_to(detail)}.", "appear": f"{capital(a)} appears.", "vanish": f"{capital(the)} disappears.",
               "recolor": f"{capital(the)} turns {detail}.", "still": "Nothing changes."}[event]
    turns.ask("clip", ["What happens?", f"What happens in the {clip}?", f"Describe the {clip}.", "What changes?", f"Describe what happens in this {clip}."], happens)
    turns.ask("clip", ["What moves?", "Which object moves?", "What is moving?"], f"{capital(the)}." if event == "move" else "Nothing.")
    t = actor if rng.random() < .7 or len(named) < 2 else rng.choice(list(named.values()))
    if t.name in named:
        moving = t is actor and event == "move"
        if event in ("move", "still") or t is not actor:
            turns.ask("clip", [f"Which way does the {t.name} move?", f"In which direction does the {t.name} move?", f"Where does the {t.name} go?"],
                      capital(moved_to(detail)) + "." if moving else "It does not move.")
        turns.ask("clip", [f"Does the {t.name} move?", f"Is the {t.name} moving?"], "Yes." if moving else "No.")
    turns.ask("clip", ["What appears?", "Which object appears?"], f"{capital(a)}." if event == "appear" else "Nothing.")
    turns.ask("clip", ["What disappears?", "Which object vanishes?", "What vanishes?"], f"{capital(the)}." if event == "vanish" else "Nothing.")
    turns.ask("clip", ["How many objects are there at the end?", "How many objects do you see at the end?"], f"{len(things) - (event == 'vanish')}.")
    if rng.random() < .3:
        noun = absent_noun(rng, things, actor.kind == "pictogram")
        turns.ask("absent", [f"Which way does the {noun} move?", f"Where does the {noun} go?", f"In which direction does the {noun} move?"], can_not_tell(noun))
    return turns
