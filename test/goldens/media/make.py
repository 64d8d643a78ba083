"""Small pictures of every kind a user may hand in, and the RGB that Pillow makes of them.

    python make.py        (needs pillow >= 12 with WebP and AVIF, and numpy; writes beside itself)

The expected bytes are ImageOps.exif_transpose(Image.open(f)).convert("RGB"), which is what Hugging Face's load_image gives.
`tolerance` is 0 for lossless files; lossy decoders differ in their inverse transforms and chroma filters.
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
WIDTH, HEIGHT = 24, 17
rng = np.random.default_rng(7)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b""):
    """A PNG from packed rows, without filtering."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(b"\0" + row for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def interlaced(pixels):
    """Adam7, 8-bit RGBA."""
    h, w, _ = pixels.shape
    body = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            body += b"".join(b"\0" + row.tobytes() for row in part)
    header = struct.pack(">IIBBBBB", w, h, 8, 6, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene():
    """Smooth colours with a sharp mark in one corner, so that a wrong orientation or swapped channels show."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.dstack([x * 10, y * 14, 255 - (x + y) * 5]).clip(0, 255).astype(np.uint8)
    pixels[:4, :6] = (250, 240, 10)
    return pixels


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def files():
    noise = rng.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
    noise[:5, :, 3] = 0
    noise[5:9, :, 3] = 255
    rgba, smooth = Image.fromarray(noise, "RGBA"), Image.fromarray(scene())
    gray = Image.fromarray(noise[..., 0])
    wide = rng.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(">u2")
    wide[:2] = np.array([[0, 127, 128, 255], [256, 383, 384, 65535]], ">u2")[:, None]
    swapped = swapped_profile()

    yield "rgba.png", saved(rgba, "PNG"), 0
    yield "rgba-interlaced.png", interlaced(noise), 0
    yield "rgb.png", saved(rgba.convert("RGB"), "PNG"), 0
    yield "rgb-profile.png", saved(rgba.convert("RGB"), "PNG", icc_profile=swapped), 0
    yield "rgb-gamma.png", png(WIDTH, HEIGHT, 8, 2, [r.tobytes() for r in noise[..., :3]], chunk(b"gAMA", struct.pack(">I", 100000))), 0
    yield "rgb-transparent-colour.png", png(
        WIDTH, HEIGHT, 8, 2, [r.tobytes() for r in noise[..., :3]], chunk(b"tRNS", struct.pack(">HHH", *map(int, noise[3, 3, :3])))), 0
    yield "gray.png", saved(gray, "PNG"), 0
    yield "gray-alpha.png", saved(Image.fromarray(np.ascontiguousarray(noise[..., 2:]), "LA"), "PNG"), 0
    yield "bilevel.png", saved(gray.convert("1"), "PNG"), 0
    yield "gray4.png", png(WIDTH, HEIGHT, 4, 0, [r.tobytes() for r in noise[:, : WIDTH // 2, 0]]), 0
    yield "palette.png", saved(smooth.quantize(16), "PNG"), 0
    palette = rng.integers(0, 256, 64 * 3).astype(np.uint8).tobytes()
    indices = [bytes(int(i) for i in row) for row in rng.integers(0, 64, (HEIGHT, WIDTH))]
    yield "palette-alpha.png", png(
        WIDTH, HEIGHT, 8, 3, indices, chunk(b"PLTE", palette) + chunk(b"tRNS", bytes(range(0, 256, 5)))), 0
    yield "rgb16.png", png(WIDTH, HEIGHT, 16, 2, [r.tobytes() for r in np.ascontiguousarray(wide[..., :3])]), 0
    yield "rgba16.png", png(WIDTH, HEIGHT, 16, 6, [r.tobytes() for r in wide]), 0
    yield "gray16.png", png(WIDTH, HEIGHT, 16, 0, [r.tobytes() for r in np.ascontiguousarray(wide[..., 0])]), 0
    yield "gray-alpha16.png", png(WIDTH, HEIGHT, 16, 4, [r.tobytes() for r in np.ascontiguousarray(wide[..., 2:])]), 0
    yield "exif6.png", saved(smooth, "PNG", exif=exif(6)), 0
    yield "animated.png", saved(smooth, "PNG", save_all=True, append_images=[smooth.rotate(180)]), 0
    yield "one.png", saved(Image.new("RGBA", (1, 1), (10, 200, 30, 0)), "PNG"), 0

    yield "rgba.webp", saved(rgba, "WEBP", lossless=True, exact=True), 0
    yield "rgb.webp", saved(rgba.convert("RGB"), "WEBP", lossless=True), 0
    yield "lossy.webp", saved(smooth, "WEBP", quality=90), 6
    yield "exif5.webp", saved(smooth, "WEBP", lossless=True, exif=exif(5)), 0
    yield "animated.webp", saved(smooth, "WEBP", lossless=True, save_all=True, append_images=[smooth.rotate(180)]), 0

    yield "still.gif", saved(smooth.quantize(32), "GIF"), 0
    yield "animated.gif", saved(
        smooth.quantize(32), "GIF", save_all=True, append_images=[smooth.rotate(180).quantize(32)], duration=50, loop=0), 0

    yield "transparent.gif", saved(smooth.quantize(32), "GIF", transparency=3), 0

    yield "rgb.bmp", saved(smooth, "BMP"), 0
    yield "palette.bmp", saved(smooth.quantize(16), "BMP"), 0
    yield "one.bmp", saved(Image.new("RGB", (1, 1), (9, 8, 7)), "BMP"), 0

    yield "444.jpg", saved(smooth, "JPEG", quality=92, subsampling=0), 3
    yield "420.jpg", saved(smooth, "JPEG", quality=92, subsampling=2), 3
    yield "progressive.jpg", saved(smooth, "JPEG", quality=92, subsampling=0, progressive=True), 3
    yield "gray.jpg", saved(gray, "JPEG", quality=95), 3
    yield "cmyk.jpg", saved(smooth.convert("CMYK"), "JPEG", quality=95), 3
    yield "profile.jpg", saved(smooth, "JPEG", quality=92, subsampling=0, icc_profile=swapped), 3
    for orientation in range(1, 9):
        yield f"exif{orientation}.jpg", saved(smooth, "JPEG", quality=92, subsampling=0, exif=exif(orientation)), 3

    yield "lossy.avif", saved(smooth, "AVIF", quality=95, subsampling="4:4:4"), 6
    for orientation in (2, 5, 6):
        yield f"exif{orientation}.avif", saved(smooth, "AVIF", quality=95, subsampling="4:4:4", exif=exif(orientation)), 6


def swapped_profile():
    """A minimal RGB matrix profile whose primaries are swapped: a decoder that applies it changes every pixel."""
    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x0100) + b"\0\0"
    text = b"text\0\0\0\0test\0\0\0\0"
    entries = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 79), (b"cprt", text), (b"wtpt", xyz((0.9642, 1, 0.8249))),
               (b"rXYZ", xyz((0.1431, 0.0606, 0.7141))), (b"gXYZ", xyz((0.4361, 0.2225, 0.0139))), (b"bXYZ", xyz((0.3851, 0.7169, 0.0971))),
               (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    offset, table, body = 128 + 4 + 12 * len(entries), b"", b""
    for tag, data in entries:
        data += b"\0" * (-len(data) % 4)
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data
    total = offset + len(body)
    header = struct.pack(">I4sI4s4s4s12s4sI4sIIQIII", total, b"\0" * 4, 0x02100000, b"mntr", b"RGB ", b"XYZ ", struct.pack(">6H", 2020, 1, 1, 0, 0, 0),
                         b"acsp", 0, b"\0" * 4, 0, 0, 0, 0, 0xF6D6, 0x10000) + struct.pack(">I", 0xD32D)
    header = header[:128].ljust(128, b"\0")
    return header + struct.pack(">I", len(entries)) + table + body


cases = []
for name, data, tolerance in files():
    (HERE / name).write_bytes(data)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "I;16":
        # Pillow would cut everything above 255 off, which leaves white; the upper byte is what a person sees.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    cases.append({"file": name, "width": image.width, "height": image.height, "tolerance": tolerance,
                  "rgb": base64.b64encode(image.tobytes()).decode()})
lines = ",\n ".join(json.dumps(c) for c in cases)
(HERE / "expected.json").write_text('{"what": "RGB of exif_transpose(open(file)).convert(\'RGB\'), base64; see make.py", "cases": [\n ' + lines + "\n]}\n")
print(len(cases), "pictures")
