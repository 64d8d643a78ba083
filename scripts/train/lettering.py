"""Words, typefaces and text strips."""
import glob
import numpy as np
from PIL import ImageFont

CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?.,:&%$-'"
PLAIN = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # random strings leave out what looks alike without context
STRIP_HEIGHTS = (10, 13, 17, 22, 29, 38, 50, 66)  # font sizes in pixels at which strips are drawn
REFERENCE = 48
MAX_LINES, MAX_CHARACTERS = 3, 24


def random_words(assets, split):
    with open(assets + "/words.txt") as f:
        words = f.read().split()
    held = len(words) // 20
    return words[:held] if split == "held" else words[held:]


class Typeface:
    """One font file. Widths are those of single characters: exact enough to place labels, and quick."""

    def __init__(self, path):
        self.path, self.fonts, self.advances = path, {}, {}

    def at(self, size):
        font = self.fonts.get(size)
        if font is None:
            font = self.fonts[size] = ImageFont.truetype(self.path, size)
        return font

    def advance(self, char):
        width = self.advances.get(char)
        if width is None:
            width = self.advances[char] = self.at(REFERENCE).getlength(char) / REFERENCE
        return width

    def width(self, text):
        """In units of the font size."""
        return sum(map(self.advance, text)) or .1

    def strip(self, text, size):
        """The text's ink as uint8 [h, w]; None if there is none."""
        mask = self.at(size).getmask(text, mode="L")
        w, h = mask.size
        return None if w < 2 or h < 2 else np.frombuffer(bytes(mask), np.uint8).reshape(h, w)


def typefaces(assets, split):
    return [Typeface(path) for path in sorted(glob.glob(f"{assets}/fonts/{split}/*"))]


def suit_size(pixels, softness=0):
    """The strip size for a text drawn `pixels` high: a little more than needed, or less for a soft look."""
    wanted = pixels * (1 if softness == 0 else .6)
    return next((s for s in STRIP_HEIGHTS if s >= wanted), STRIP_HEIGHTS[-1])


def cased(rng, words):
    c = rng.random()
    if c < .28:
        return [w.upper() for w in words]
    if c < .45:
        return [w.capitalize() for w in words]
    if c < .6:
        return [words[0].capitalize(), *words[1:]]
    return list(words)


def code(rng):
    """Digits, prices, times and random strings."""
    c = rng.random()
    if c < .4:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 5)))
    if c < .55:
        return rng.choice((f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}", f"{rng.randint(1, 99)}%", f"${rng.randint(1, 99)}.{rng.randint(0, 99):02d}"))
    return "".join(rng.choice(PLAIN) for _ in range(rng.randint(1, 6)))


def line_of_words(rng, words, longest):
    """As many words as fit `longest` characters."""
    line = [rng.choice(words)]
    while True:
        word = rng.choice(words)
        if len(" ".join(line)) + 1 + len(word) > longest:
            return line
        line.append(word)


def text_lines(rng, words, level):
    """Lines of words for one picture. level 0 (easy) to 1: how often long text comes."""
    c = rng.random()
    if c < .12:
        lines = [[code(rng)]]
    elif c < .5 - .1 * level or level < .2:
        lines = [[rng.choice(words)]]
    elif c < .72 - .15 * level:
        n = rng.choice((2, 2, 3))
        some = [rng.choice(words) for _ in range(n)]
        lines = [[w] for w in some] if rng.random() < .5 else [some]
    else:
        lines = [line_of_words(rng, words, rng.randint(8, MAX_CHARACTERS)) for _ in range(rng.randint(1, MAX_LINES))]
    flat = [w for line in lines for w in line]
    if c >= .12:
        each = len(lines) > 1 and rng.random() < .25  # every line in its own case
        flat = [w for line in lines for w in cased(rng, line)] if each else cased(rng, flat)
        if rng.random() < .08:
            flat[-1] += rng.choice("!!??.:")
    words_in = iter(flat)
    lines = [[next(words_in) for _ in line] for line in lines]
    return [line for line in lines if len(" ".join(line)) <= MAX_CHARACTERS] or [[rng.choice(words)]]
