"""Simple bar charts: two to five upright bars with labels, most with their values written above."""
from dataclasses import dataclass
from language import article, capital
from scene import COLOR_NAMES, COLORS, VISIBLE, jitter
from scene_questions import Turns, ask_caption


@dataclass
class Bar:
    label: str
    value: int
    color: str
    rgb: tuple


def bar_labels(rng, words, n):
    c = rng.random()
    if c < .2:
        return list("ABCDE"[:n])
    if c < .3:
        first = rng.randint(1990, 2025)
        return [str(first + i) for i in range(n)]
    short = set()
    while len(short) < n:
        word = rng.choice(words)
        if 2 <= len(word) <= 7:
            short.add(word)
    return [w.capitalize() if c < .8 else w for w in rng.sample(sorted(short), n)]


def make_bars(rng, behind, words, n):
    visible = [c for c in COLOR_NAMES if behind.distance(COLORS[c]) > VISIBLE + 20]
    colors = rng.sample(visible, n) if rng.random() < .7 and len(visible) >= n else [rng.choice(visible)] * n
    top = rng.choice((9, 20, 50, 100))
    values = rng.sample(range(max(1, top // 10), top + 1), n)
    return [Bar(label, value, color, jitter(rng, COLORS[color], 10)) for label, value, color in zip(bar_labels(rng, words, n), values, colors)]


def draw_chart(rng, frame, behind, words, faces):
    """Returns (bars, values written); None when the letters would be too small."""
    w, h, face, n = frame.w, frame.h, rng.choice(faces), rng.randint(2, 5)
    bars, step = make_bars(rng, behind, words, n), w * .94 / n
    em = min(min(step * .92 / face.width(bar.label) for bar in bars), h * .12, 30)
    if em < 9 or min(em * face.width(bar.label) / len(bar.label) for bar in bars) < 5:
        return None
    em *= rng.uniform(.9, 1)
    ink = (20, 20, 20) if behind.bright else (240, 240, 240)
    written = rng.random() < .85
    floor, ceiling = h - 1.5 * em, h * .04 + (1.4 * em if written else 0)
    if floor - ceiling < h * .3:
        return None
    highest, wide = max(b.value for b in bars), step * rng.uniform(.22, .42)
    frame.box(w / 2, floor + 1, w * .48, 1, 0, ink)
    for i, bar in enumerate(bars):
        x, tall = w * .03 + step * (i + .5), max(3.0, (floor - ceiling) * bar.value / highest)
        frame.box(x, floor - tall / 2, wide, tall / 2, 0, bar.rgb, bar.color)
        if not frame.text(face, bar.label, x, floor + .8 * em, em, rgb=ink):
            return None
        if written and not frame.text(face, str(bar.value), x, floor - tall - .6 * em, em, rgb=ink):
            return None
    return bars, written


def far_apart(values):
    """Whether heights that are not written differ enough to be compared by eye."""
    values = sorted(values)
    return all(b - a >= .06 * values[-1] for a, b in zip(values, values[1:]))


def chart_questions(rng, bars, written):
    turns = Turns(rng)
    clear = written or far_apart([b.value for b in bars])
    high, low, some = max(bars, key=lambda b: b.value), min(bars, key=lambda b: b.value), rng.choice(bars)
    if clear:
        turns.ask("chart", ["Which bar is the highest?", "Which bar is the tallest?", "What is the label of the highest bar?", "Which has the highest value?"], f"{high.label}.")
        turns.ask("chart", ["Which bar is the lowest?", "Which bar is the shortest?", "What is the label of the lowest bar?", "Which has the lowest value?"], f"{low.label}.")
        a, b = rng.sample(bars, 2)
        word, true = ("higher", a.value > b.value) if rng.random() < .5 else ("lower", a.value < b.value)
        turns.ask("chart", [f"Is {a.label} {word} than {b.label}?"], "Yes." if true else "No.")
    if written:
        turns.ask("chart", [f"What is the value of {some.label}?", f"How much is {some.label}?", f"What value does {some.label} have?"], f"{some.value}.")
        turns.ask("chart", ["What is the highest value?", "What is the value of the highest bar?"], f"{high.value}.")
        turns.ask("chart", [f"Which bar has the value {some.value}?", f"Which bar is {some.value}?"], f"{some.label}.")
    else:
        turns.ask("absent", [f"What is the value of {some.label}?", f"How much is {some.label}?"], "I can't tell. The values are not written.")
    turns.ask("count", ["How many bars are there?", "How many bars do you see?", "Count the bars."], f"{len(bars)}.")
    turns.ask("chart", [f"What color is the {some.label} bar?", f"What colour is the bar of {some.label}?"], capital(some.color) + ".")
    missing = rng.choice(("Zebra", "F", "Total", "2031", "North", "Other"))
    if rng.random() < .3 and missing not in [b.label for b in bars]:
        turns.ask("absent", [f"What is the value of {missing}?", f"What color is the {missing} bar?"], f"I can't tell. There is no {missing}.")
    if rng.random() < .2:
        turns.ask("read_line", ["What does the first label say?", "What is the label of the first bar?"], f"{bars[0].label}.")
    if rng.random() < .4:
        turns.ask("chart", ["What is this?", "What kind of {pic} is this?"], capital(article("bar chart")) + ".")
    ask_caption(turns, f"a bar chart with {len(bars)} bars", "chart")
    return turns
