"""Draw the pictures of the demo page and the README: a sign, shapes, pictograms, a chart, a poster and a pair to compare.

    python3 make_demo_pictures.py ASSETS OUT

Pictograms come from Noto Emoji (Apache 2.0) and Fluent Emoji (MIT).
"""
import os, sys
import numpy as np
import torch
from PIL import Image
from frame import Frame
from lettering import typefaces
from packing import Shape, cells_of
from pictograms import DESIGNS, NAMES
from render import PATCH, Renderer
from scene import COLORS, Thing
from sprites import Bank

SHAPE = Shape(patches=1024, seconds=4, frames=2, spans=4, tokens=8, sequences=2, targets=2, ink=400_000)
CREAM, SKY, NIGHT, PAPER = (250, 244, 230), (205, 228, 245), (28, 32, 58), (246, 246, 246)


class Painter:
    def __init__(self, assets):
        self.bank = Bank(assets)
        self.renderer = Renderer(self.bank, SHAPE, "cpu", False)
        self.faces = {os.path.basename(f.path).split(".")[0]: f for split in ("train", "held") for f in typefaces(assets, split)}

    def sheet(self, columns, rows, first, second=None):
        frame = Frame(columns * 28, rows * 28, self.bank)
        b, second = frame.back, second or first
        b[0:3], b[3:6] = [v / 255 for v in first], [v / 255 for v in second]
        b[6:9] = 0, 1 / frame.h, 0
        b[13:17], b[14], b[15], b[23], b[25] = 1, frame.w, frame.h, 1, .001
        return frame

    def save(self, frame, path):
        cells = cells_of(frame.h // 28, frame.w // 28)
        batch, n, at = SHAPE.empty(), len(cells), 0
        for k, strip in frame.strips:
            frame.sprites[k, 6] = self.bank.size + at
            batch["ink"][at:at + strip.size] = strip.ravel()
            at += (strip.size + 15) // 16 * 16
        batch["sprites"][0], batch["back"][:], batch["rows_cell"][:n] = frame.sprites, frame.back, cells
        pixels = self.renderer.pixels({k: torch.from_numpy(v) for k, v in batch.items()}, torch.zeros(SHAPE.patches + SHAPE.seconds, 3, PATCH * PATCH))
        image = np.zeros((frame.h, frame.w, 3), np.uint8)
        for (i, j), patch in zip(cells * PATCH, (pixels[:n].view(-1, 3, PATCH, PATCH).permute(0, 2, 3, 1) * 255).round().byte().numpy()):
            image[i:i + PATCH, j:j + PATCH] = patch
        Image.fromarray(image).save(path, optimize=True)


def shape(color, name, x, y, r, turn=0.0, hollow=False):
    return Thing("shape", f"{color} {name}", name, color, rgb=COLORS[color], hollow=hollow, turn=turn, x=x, y=y, r=r)


def pictogram(name, design, x, y, r):
    return Thing("pictogram", name, index=NAMES.index(name), design=DESIGNS.index(design), x=x, y=y, r=r)


def sign(p):
    frame = p.sheet(12, 6, (120, 160, 130), (90, 130, 105))
    frame.box(168, 84, 150, 64, 0, (250, 248, 240))
    frame.text(p.faces["Lato-Bold"], "Fresh coffee", 168, 58, 42, rgb=(125, 75, 40), color="brown")
    frame.text(p.faces["Lato-Bold"], "open every day", 168, 110, 32, rgb=(125, 75, 40), color="brown")
    return frame


def shapes(p):
    frame = p.sheet(10, 8, CREAM)
    for thing in (shape("red", "star", 60, 62, 38), shape("blue", "circle", 214, 70, 36), shape("green", "triangle", 72, 166, 36), shape("yellow", "hexagon", 206, 164, 36)):
        frame.thing(thing)
    return frame


def animals(p):
    frame = p.sheet(10, 7, SKY, (235, 245, 235))
    for thing in (pictogram("cat", "noto", 58, 118, 38), pictogram("dog", "noto", 142, 120, 38), pictogram("rabbit", "noto", 224, 118, 38)):
        frame.thing(thing)
    return frame


def fruit(p):
    frame = p.sheet(9, 6, PAPER)
    names = ("apple", "apple", "banana", "apple", "apple")
    for i, name in enumerate(names):
        frame.thing(pictogram(name, "fluent-emoji-flat", 38 + 78 * (i % 3) + 20 * (i // 3), 42 + 84 * (i // 3), 30))
    return frame


def chart(p):
    frame, face = p.sheet(11, 8, (252, 252, 252)), p.faces["OpenSans-Bold"]
    frame.box(154, 193, 146, 1, 0, (20, 20, 20))
    for i, (label, value, color) in enumerate((("Tea", 12, "green"), ("Coffee", 18, "brown"), ("Milk", 7, "blue"), ("Juice", 10, "orange"))):
        x, tall = 45 + 72 * i, 8 * value
        frame.box(x, 192 - tall / 2, 22, tall / 2, 0, COLORS[color], color)
        frame.text(face, label, x, 207, 17, rgb=(20, 20, 20))
        frame.text(face, str(value), x, 180 - tall, 17, rgb=(20, 20, 20))
    return frame


def night(p):
    frame = p.sheet(9, 9, NIGHT, (60, 50, 90))
    for thing in (pictogram("moon", "fluent-emoji", 156, 62, 42), pictogram("rocket", "fluent-emoji", 96, 182, 52)):
        frame.thing(thing)
    return frame


def pair(p, later):
    frame = p.sheet(7, 6, PAPER)
    frame.thing(pictogram("car", "noto", 52, 118, 34))
    frame.thing(pictogram("tree", "noto", 148, 110, 36))
    if later:
        frame.thing(pictogram("balloon", "noto", 92, 40, 26))
    return frame


PICTURES = {"sign": sign, "shapes": shapes, "animals": animals, "fruit": fruit, "chart": chart, "night": night,
            "before": lambda p: pair(p, False), "after": lambda p: pair(p, True)}


def main(assets, out):
    os.makedirs(out, exist_ok=True)
    painter = Painter(assets)
    for name, draw in PICTURES.items():
        painter.save(draw(painter), f"{out}/{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
