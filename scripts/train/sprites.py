"""All sprite textures in one flat array of packed premultiplied RGBA, each at several sizes."""
import math
import numpy as np
from PIL import Image, ImageDraw
from scene import SHAPES

SIZES = (128, 64, 32, 16)
BOX = "box"


def regular(k, start, c, r):
    return [(c + r * math.cos(start + 2 * math.pi * i / k), c + r * math.sin(start + 2 * math.pi * i / k)) for i in range(k)]


def outline(shape, c, r):
    """The polygon of a shape with centre (c, c) and radius r."""
    if shape == "square":
        return regular(4, math.pi / 4, c, r * 1.2)
    if shape == "triangle":
        return regular(3, -math.pi / 2, c, r)
    if shape == "hexagon":
        return regular(6, 0, c, r)
    if shape == "diamond":
        return [(c, c - r), (c + r * .66, c), (c, c + r), (c - r * .66, c)]
    if shape == "star":
        outer, inner = regular(5, -math.pi / 2, c, r), regular(5, -math.pi / 2 + math.pi / 5, c, r * .42)
        return [p for pair in zip(outer, inner) for p in pair]
    if shape == "cross":
        t = r * .33
        corner = [(t, r), (t, t), (r, t)]
        return [(c + sx * x, c + sy * y) for sx, sy, flip in ((1, -1, 0), (1, 1, 1), (-1, 1, 0), (-1, -1, 1))
                for x, y in (corner[::-1] if flip else corner)]
    angles = [2 * math.pi * i / 60 for i in range(60)]  # heart
    return [(c + r * math.sin(a) ** 3, c - r * (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 16.5) for a in angles]


def disc(draw, x, y, r, fill):
    draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)


def shape_mask(shape, hollow, n=512):
    image = Image.new("L", (n, n))
    draw, c, r = ImageDraw.Draw(image), n / 2, n * .47
    if shape in ("circle", "ring", "crescent"):
        disc(draw, c, c, r, 255)
        if shape == "ring":
            disc(draw, c, c, n * .27, 0)
        if shape == "crescent":
            disc(draw, c + r * .45, c, r * .82, 0)
    else:
        draw.polygon(outline(shape, c, r), fill=255)
    if hollow:
        inside = np.asarray(image) > 0
        for _ in range(6):  # a border of about 6 % of the width stays
            s = n // 100
            inside = inside & np.roll(inside, s, 0) & np.roll(inside, -s, 0) & np.roll(inside, s, 1) & np.roll(inside, -s, 1)
        image = Image.fromarray((np.asarray(image) * ~inside).astype(np.uint8))
    return np.asarray(image.resize((SIZES[0], SIZES[0]), Image.BOX))


class Bank:
    """`offset[key]` is the place of the largest texture; the smaller ones follow it. Keys: (shape, hollow), (design, index), BOX."""

    def __init__(self, assets, pixels=True):
        """pixels: False keeps only the table of places, which is all that the scene generators need."""
        file = np.load(assets + "/pictograms.npz")
        self.exists = file["exists"]
        self.offset, self.size, parts = {}, 0, []
        step = sum(s * s for s in SIZES)

        def put(key, texture):
            self.offset[key] = self.size
            self.size += step
            if pixels:
                parts.extend(mip(texture))
        for shape in SHAPES:
            for hollow in (False, True):
                put((shape, hollow), np.repeat(shape_mask(shape, hollow)[..., None], 4, 2) if pixels else None)
        put(BOX, np.full((SIZES[0], SIZES[0], 4), 255, np.uint8))
        pictures = file["pictures"] if pixels else None
        for d, i in np.argwhere(self.exists):
            put((int(d), int(i)), pictures[d, i] if pixels else None)
        self.data = np.concatenate(parts) if pixels else None

    def texture(self, key, radius, soft=0):
        """Place and size of the texture that suits a sprite of this radius in pixels; soft: so many sizes smaller (a blurred look)."""
        level = 0
        while level < len(SIZES) - 1 and SIZES[level + 1] >= 1.6 * radius:
            level += 1
        level = min(len(SIZES) - 1, level + soft)
        return self.offset[key] + sum(s * s for s in SIZES[:level]), SIZES[level]


def mip(texture):
    for size in SIZES:
        k = SIZES[0] // size
        small = texture.reshape(size, k, size, k, 4).astype(np.float32).mean((1, 3)).round().astype(np.uint8)
        yield np.ascontiguousarray(small).view(np.int32).ravel()
