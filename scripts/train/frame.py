"""One frame as numbers for the renderer: sprites, backdrop, photographic effects and the dense labels of the vision tower."""
import math
import numpy as np
from lettering import CHARACTERS, suit_size
from pictograms import NAMES
from scene import COLOR_NAMES, SHAPES
from sprites import BOX

SPRITES = 20      # per frame
SPRITE = 14       # x, y, four of the inverse map to -1..1, texture place, width, height, tint r g b, saturation, opacity
TEXTS, LETTERS = 12, 24  # text sprites per frame and letters labelled in each
BACK = 26         # see `Frame.backdrop`

# Dense classes: 0 nothing, shapes, pictograms, a bar, letters, any other letter. Text sprites carry TEXT_CLASS until looked up.
FIRST_PICTOGRAM = 1 + len(SHAPES)
BAR_CLASS = FIRST_PICTOGRAM + len(NAMES)
FIRST_LETTER = BAR_CLASS + 1
CLASSES = FIRST_LETTER + len(CHARACTERS) + 1
COLOR_CLASSES = 1 + len(COLOR_NAMES)
TEXT_CLASS = 255
LETTER_CLASS = {c: FIRST_LETTER + i for i, c in enumerate(CHARACTERS)}
COLOR_CLASS = {c: 1 + i for i, c in enumerate(COLOR_NAMES)}
SHAPE_CLASS = {s: 1 + i for i, s in enumerate(SHAPES)}


class Frame:
    def __init__(self, w, h, bank):
        self.w, self.h, self.bank = w, h, bank
        self.sprites = np.zeros((SPRITES, SPRITE), np.float32)
        self.sprites[:, 7:9] = 1
        self.labels = np.zeros((SPRITES, 3), np.uint8)          # class, colour, text slot
        self.letter_ends = np.zeros((TEXTS, LETTERS), np.uint8)  # right edge of each letter, 0..255 along the strip
        self.letters = np.zeros((TEXTS, LETTERS), np.uint8)
        self.back = np.zeros(BACK, np.float32)
        self.strips = []                                        # (sprite, uint8 [h, w])
        self.count = self.texts = 0
        self.soft = 0

    def copy(self):
        """A frame with the same backdrop and no sprites."""
        other = Frame(self.w, self.h, self.bank)
        other.back[:], other.soft = self.back, self.soft
        return other

    def _put(self, x, y, half_w, half_h, turn, texture, tw, th, rgb, saturation=1.0, flip=False):
        k, c, s = self.count, math.cos(turn), math.sin(turn)
        sign = -1 if flip else 1
        self.sprites[k] = (x, y, sign * c / half_w, sign * s / half_w, -s / half_h, c / half_h, texture, tw, th,
                           rgb[0] / 255, rgb[1] / 255, rgb[2] / 255, saturation, 1)
        self.count += 1
        return k

    def thing(self, t):
        key = (t.shape, t.hollow) if t.shape else (t.design, t.index)
        texture, size = self.bank.texture(key, t.r, self.soft)
        k = self._put(t.x, t.y, t.r, t.r, t.turn, texture, size, size, t.rgb, t.saturation, t.flip)
        self.labels[k] = (SHAPE_CLASS[t.shape], COLOR_CLASS[t.color], 0) if t.shape else (FIRST_PICTOGRAM + t.index, 0, 0)

    def box(self, x, y, half_w, half_h, turn, rgb, color=None):
        """A filled rectangle; with a colour name it counts as a bar of a chart."""
        texture, size = self.bank.texture(BOX, max(half_w, half_h), self.soft)
        k = self._put(x, y, half_w, half_h, turn, texture, size, size, rgb)
        if color:
            self.labels[k] = (BAR_CLASS, COLOR_CLASS[color], 0)

    def text(self, face, text, x, y, em, turn=0.0, rgb=(0, 0, 0), color=None, stretch=1.0):
        """A line of text centred at (x, y); em: font size in pixels. False if it can not be drawn."""
        size = suit_size(em, self.soft)
        strip = face.strip(text, size)
        if strip is None:
            return False
        half_w, half_h = strip.shape[1] * em / size / 2, strip.shape[0] * em / size / 2 * stretch
        k, slot = self._put(x, y, half_w, half_h, turn, -1, strip.shape[1], strip.shape[0], rgb), self.texts
        self.strips.append((k, strip))
        self.labels[k] = (TEXT_CLASS, COLOR_CLASS[color] if color else 0, slot)
        known, total, at = text[:LETTERS], face.width(text), 0.0
        self.letters[slot], self.letter_ends[slot] = LETTER_CLASS.get(known[-1], CLASSES - 1), 255
        for i, char in enumerate(known):
            at += face.advance(char)
            self.letters[slot, i] = 0 if char == " " else LETTER_CLASS.get(char, CLASSES - 1)
            self.letter_ends[slot, i] = min(255, int(255 * at / total))
        self.texts += 1
        return True

    def backdrop(self, rng, behind, level=1.0):
        """Gradient, stripes and what a camera, a screen and a JPEG file do. level 0 to 1: how strong and how often."""
        w, h, b = self.w, self.h, self.back
        angle, stripe = rng.uniform(0, 6.283), rng.uniform(0, 6.283)
        amplitude, pitch = (rng.uniform(.02, .08), rng.uniform(.1, .7)) if rng.random() < .2 * level else (0, 0)
        noise = rng.choice((0, 0, .01, .03, .06 * level))
        first, second = behind.first, behind.second
        b[0:3] = [v / 255 for v in first]
        b[3:6] = [v / 255 for v in second]
        b[6:9] = math.cos(angle) / w, math.sin(angle) / h, .5 - .5 * math.cos(angle) - .5 * math.sin(angle)
        b[9:12] = amplitude, pitch * math.cos(stripe), pitch * math.sin(stripe)
        b[12:14] = noise, rng.uniform(.85, 1.1)
        b[14:20] = w, h, 1, 0, 0, 0                                # size; zoom and turn of the sheet; its tilt
        b[20:24] = 0, 0, 0, 1                                      # moire strength and pitch; gamma
        if behind.name:  # the last sprite's label, never drawn, holds the backdrop's colour
            self.labels[SPRITES - 1, 1] = COLOR_CLASS[behind.name]
        b[24:26] = .02, .001                                       # shade around a photographed screen; JPEG step
        if rng.random() < .1 * level:
            self.photographed(rng)
        if rng.random() < .3 * level:
            b[25] = rng.uniform(.01, .12)
        self.soft = 1 if rng.random() < .2 * level else 0

    def photographed(self, rng):
        """As if taken from a screen: tilted, turned, a dark rim, moire, another gamma."""
        w, h, b = self.w, self.h, self.back
        zoom, turn = rng.uniform(1.0, 1.08), rng.uniform(-.04, .04) * min(w / h, h / w)
        b[16:20] = zoom * math.cos(turn), zoom * math.sin(turn), rng.uniform(-.1, .1) / w, rng.uniform(-.1, .1) / h
        pitch, angle = rng.uniform(.5, 2.5), rng.uniform(0, 6.283)
        b[20:24] = rng.uniform(0, .06), pitch * math.cos(angle), pitch * math.sin(angle), rng.uniform(.8, 1.25)
        b[24] = rng.uniform(0, .35)
