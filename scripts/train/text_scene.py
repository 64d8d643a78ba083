"""Pictures of text: words on a sign or straight on the backdrop, in one to three lines, sometimes beside a thing."""
import math
from language import article, capital
from lettering import text_lines
from scene import COLOR_NAMES, COLORS, VISIBLE, distance, jitter
from scene_questions import READ, Turns, absent_noun, ask_caption, can_not_tell, where_questions

SHEET_COLORS = [(240, 240, 240), (25, 25, 25), *COLORS.values()]
LEAST_EM = 10.5         # pixels; below that letters no longer keep apart at 14-pixel patches
LEAST_ADVANCE = 6.0     # pixels per letter


def layout_text(rng, lines, face, w, h):
    """Font size, centre and turn of a block of lines that fits w x h; None when it would be too small."""
    widest = max(face.width(line) for line in lines)
    gap = rng.uniform(1.2, 1.5)
    largest = min(w * .94 / widest, h * .92 / (gap * len(lines)), 62)
    least = max(LEAST_EM, LEAST_ADVANCE * max(len(line) / face.width(line) for line in lines))
    if largest < least:
        return None
    em = largest * rng.uniform(.8, 1) if rng.random() < .5 else rng.uniform(least, largest)
    turn = rng.uniform(-.12, .12) if rng.random() < .4 else 0.0
    block_w, block_h = widest * em, gap * em * len(lines)
    if abs(math.sin(turn)) * block_w + block_h > h or abs(math.sin(turn)) * block_h + block_w > w:
        turn = 0.0
    rise = abs(math.sin(turn)) * block_w / 2
    x = rng.uniform(block_w / 2 + 2, w - block_w / 2 - 2) if w > block_w + 4 else w / 2
    y = rng.uniform(block_h / 2 + rise, h - block_h / 2 - rise) if h > block_h + 2 * rise else h / 2
    return em, gap, turn, x, y, block_w, block_h


def draw_text(rng, frame, cast, behind, words, faces, level):
    """Draws onto the frame; returns (lines, colour, thing beside it) or None."""
    w, h, face = frame.w, frame.h, rng.choice(faces)
    lines = [" ".join(line) for line in text_lines(rng, words, level)]
    color = rng.choice(COLOR_NAMES)
    rgb = jitter(rng, COLORS[color], 12)
    beside = len(lines) == 1 and min(w, h) >= 112 and rng.random() < .1
    top = h * .5 if beside else 0
    placed = layout_text(rng, lines, face, w, h - top)
    if placed is None:
        return None
    em, gap, turn, x, y, block_w, block_h = placed
    y += top
    if em < 18:  # what blurs small letters would make the answer a guess
        frame.soft = 0
        frame.back[12], frame.back[25] = min(frame.back[12], .02), min(frame.back[25], .03)
    if rng.random() < .6:
        sheet = next((c for c in (jitter(rng, rng.choice(SHEET_COLORS), 15) for _ in range(12)) if distance(c, rgb) > 210), None)
        if sheet is None:
            return None
        frame.box(x, y, block_w / 2 + rng.uniform(3, 12), block_h / 2 + rng.uniform(2, 8), turn, sheet)
    elif behind.distance(rgb) < 1.9 * VISIBLE:
        return None
    aligned_left = len(lines) > 1 and rng.random() < .35
    stretch = rng.uniform(.9, 1.1)
    for i, line in enumerate(lines):
        across = (face.width(line) * em - block_w) / 2 if aligned_left else 0.0
        down = (i - (len(lines) - 1) / 2) * gap * em
        if not frame.text(face, line, x + across * math.cos(turn) - down * math.sin(turn), y + across * math.sin(turn) + down * math.cos(turn), em, turn, rgb, color, stretch):
            return None
    thing = None
    if beside:
        thing = cast.shape(behind) if rng.random() < .5 else cast.pictogram(behind)
        if thing:
            thing.r = h * .19
            thing.x, thing.y = rng.uniform(thing.r, w - thing.r), h * .24
            frame.thing(thing)
    return lines, color, thing


def altered(rng, text, words):
    """The text with one word replaced or one letter changed: near enough that it must be read."""
    parts = text.split(" ")
    i = rng.randrange(len(parts))
    if rng.random() < .5:
        parts[i] = rng.choice([w for w in (rng.choice(words) for _ in range(6)) if w != parts[i].lower()] or ["other"])
        parts[i] = parts[i].upper() if text.isupper() else parts[i]
    else:
        j = rng.randrange(len(parts[i]))
        letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
        parts[i] = parts[i][:j] + (letter.upper() if parts[i][j].isupper() else letter) + parts[i][j + 1:]
    return " ".join(parts)


def text_questions(rng, lines, color, thing, words):
    turns, text = Turns(rng), " ".join(lines)
    n = len(text.split(" "))
    number = "word" if n == 1 else "words"
    turns.ask("read", READ[:4] + ["What does the {pic} say?", "What text is in the {pic}?", "Read this.", "What does the text say?"]
              + (["What word is this?", "Read the word.", "Which word is shown?"] if n == 1 else ["Read the words.", "Read all the text."]), text)
    if len(lines) > 1:
        i = rng.randrange(len(lines))
        place = ("first", "second", "third")[i] if i < len(lines) - 1 or rng.random() < .5 else "last"
        turns.ask("read_line", [f"What does the {place} line say?", f"Read the {place} line."], lines[i])
        turns.ask("count", ["How many lines of text are there?", "How many lines are there?"], f"{len(lines)}.")
    turns.ask("color", ["What color is the text?", "What colour is the text?", "Which color does the text have?", "What color are the letters?"], capital(color) + ".")
    if n <= 4:
        turns.ask("count", ["How many words are there?", "How many words do you see?", "Count the words."], f"{n}.")
    said = text if rng.random() < .5 else altered(rng, text, words)
    if len(said) < 30:
        turns.ask("says", [f'Does it say "{said}"?', f'Does the {{pic}} say "{said}"?', f'Is "{said}" written here?'], "Yes." if said == text else "No.")
    if rng.random() < .25:
        turns.ask("exists", ["Is there any text?", "Is there text in the {pic}?", "Do you see any text?"], "Yes.")
    if thing:
        turns.ask("shape" if thing.shape else "pictogram", ["What is next to the text?", "What object is there?", "What is above the text?", "Which object is in the {pic}?"],
                  capital(article(thing.name)) + ".")
        ask_caption(turns, f'{article(thing.name)} and the {number} "{text}"', "read_caption")
    else:
        if rng.random() < .25:
            noun = absent_noun(rng, [], rng.random() < .5)
            turns.ask("absent", where_questions(noun)[:3], can_not_tell(noun))
        ask_caption(turns, f'the {number} "{text}" in {color}', "read_caption")
    return turns
