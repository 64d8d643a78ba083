"""Collect fonts, pictograms and words into one folder that travels to the training machine.

    python3 make_assets.py FONT_ROOT ICONIFY_ROOT OUT

FONT_ROOT: unpacked Debian packages (README.md); ICONIFY_ROOT: unpacked `@iconify-json/*` packages, one folder per design.
Needs Pillow, numpy and rsvg-convert. Writes OUT/fonts/{train,held}/*, OUT/pictograms.npz (uint8 [designs, n, 128, 128, 4], premultiplied
alpha, and which exist) and OUT/words.txt (shuffled with a fixed seed; the first 5 % are the held-out words).
"""
import glob, io, json, os, random, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image
from pictograms import DESIGNS, FXEMOJI_SLUGS, PICTOGRAMS

SIZE, PAD = 128, 4
TRAIN_FONTS = """DejaVuSans DejaVuSans-Bold DejaVuSansMono DejaVuSansCondensed-Bold LiberationSans-Regular LiberationSans-Bold LiberationSans-Italic
LiberationSerif-Regular LiberationSerif-Bold LiberationSerif-Italic LiberationMono-Regular LiberationMono-Bold FreeSerif FreeSansBold FreeMonoBold
OpenSans-Regular OpenSans-Bold OpenSans-CondBold Hack-Regular Hack-Bold EBGaramond12-Regular EBGaramond12-Bold Carlito-Regular Carlito-Bold
Caladea-Regular Caladea-Bold Cantarell-Regular Cantarell-Bold LinLibertine_R LinLibertine_RB LinBiolinum_R GFSDidot Play-Regular Play-Bold
Vollkorn-Regular Vollkorn-Bold FantasqueSansMono-Regular JetBrainsMono-Regular JetBrainsMono-Bold Beteckna BetecknaGS-Bold Dosis-Medium Dosis-Bold
Humor-Sans Roboto-Regular Roboto-Bold Roboto-Italic RobotoCondensed-Bold RobotoCondensed-Regular NotoSansMono-Regular LeagueSpartan-Bold
LeagueSpartan-Regular C059-Roman C059-Bold NimbusSansNarrow-Bold P052-Roman P052-Bold URWGothic-Book URWGothic-Demi NimbusMonoPS-Bold Tinos-Italic
Arimo-BoldItalic lobster FiraCode-Regular FiraCode-Bold Junction AveriaSansGWF-Regular AveriaSansGWF-Bold Essays1743
AveriaSerifGWF-Regular Tuffy Tuffy_Bold GoudyBookletter1911 Prociono Dustismo_Roman""".split()
HELD_FONTS = """DejaVuSerif DejaVuSerif-Bold Lato-Regular Lato-Bold ComicNeue-Regular ComicNeue-Bold Inconsolata URWBookman-Light
URWBookman-Demi Quicksand-Medium Quicksand-Bold Cabin-Regular Cabin-Bold RobotoSlab-Regular""".split()


def fit(image):
    """Crop to the inked box and centre in SIZE x SIZE; premultiplied RGBA."""
    image = image.crop(image.getchannel("A").getbbox())
    scale = (SIZE - 2 * PAD) / max(image.size)
    image = image.convert("RGBa").resize(tuple(max(1, round(s * scale)) for s in image.size), Image.LANCZOS)
    out = Image.new("RGBa", (SIZE, SIZE))
    out.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
    return np.frombuffer(out.tobytes(), np.uint8).reshape(SIZE, SIZE, 4)


class IconSet:
    def __init__(self, root, name):
        self.name, read = name, lambda f: json.load(open(f"{root}/{name}/{f}.json"))
        self.data, self.chars = read("icons"), read("chars")
        self.icons, self.aliases = self.data["icons"], self.data.get("aliases", {})

    def draw(self, slug):
        while slug in self.aliases:
            slug = self.aliases[slug]["parent"]
        icon = self.icons[slug]
        w, h = (icon.get(k, self.data.get(k, 16)) for k in ("width", "height"))
        body = icon["body"].replace("currentColor", "#fff")
        svg = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{2 * SIZE}" height="{2 * SIZE}" '
               f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {w} {h}">{body}</svg>')
        png = subprocess.run(["rsvg-convert", "--unlimited"], input=svg.encode(), capture_output=True).stdout
        if not png:  # a drawing rsvg cannot read counts as missing
            return None
        return fit(Image.open(io.BytesIO(png)).convert("RGBA"))

    def has(self, slug):
        return slug in self.icons or slug in self.aliases


def slugs_of(glyph, name, sets):
    """Names a pictogram may have in an icon set: what the sets with a code-point table call it, then its own name."""
    code = "-".join(f"{ord(c):x}" for c in glyph if ord(c) != 0xFE0F)
    found = [s.chars[k] for s in sets for k in (code, code + "-fe0f") if k in s.chars]
    return [*dict.fromkeys(found), name.replace(" ", "-")]


def pictograms(root):
    sets = [IconSet(root, name) for name in DESIGNS]
    pictures = np.zeros((len(sets), len(PICTOGRAMS), SIZE, SIZE, 4), np.uint8)
    exists = np.zeros(pictures.shape[:2], bool)
    jobs = []
    for i, (glyph, name) in enumerate(PICTOGRAMS):
        common = slugs_of(glyph, name, sets)
        for d, icons in enumerate(sets):
            names = [FXEMOJI_SLUGS[name]] if icons.name == "fxemoji" and name in FXEMOJI_SLUGS else common
            slug = next((s for s in names if icons.has(s)), None)
            if slug:
                jobs.append((d, i, slug))
    with ThreadPoolExecutor(2) as pool:
        for (d, i, _), picture in zip(jobs, pool.map(lambda j: sets[j[0]].draw(j[2]), jobs)):
            if picture is not None:
                pictures[d, i], exists[d, i] = picture, True
    for d, icons in enumerate(sets):
        print(icons.name, int(exists[d].sum()), "of", len(PICTOGRAMS), [PICTOGRAMS[i][1] for i in np.flatnonzero(~exists[d])])
    return pictures, exists


def copy_fonts(root, out):
    files = {}
    for path in sorted(glob.glob(root + "/**/*.?tf", recursive=True)):
        files.setdefault(os.path.splitext(os.path.basename(path))[0], path)
    for names, split in ((TRAIN_FONTS, "train"), (HELD_FONTS, "held")):
        os.makedirs(f"{out}/fonts/{split}", exist_ok=True)
        for name in names:
            if name in files:
                shutil.copy(files[name], f"{out}/fonts/{split}/")
            else:
                print("no font", name)


def word_list(root):
    with open(root + "/usr/share/dict/american-english-small") as f:
        words = sorted({w.strip() for w in f})
    words = [w for w in words if w.isascii() and w.isalpha() and w.islower() and 2 <= len(w) <= 10]
    random.Random(0).shuffle(words)
    return words


def main(font_root, iconify_root, out):
    os.makedirs(out, exist_ok=True)
    copy_fonts(font_root, out)
    pictures, exists = pictograms(iconify_root)
    np.savez_compressed(out + "/pictograms.npz", pictures=pictures, exists=exists)
    words = word_list(font_root)
    with open(out + "/words.txt", "w") as f:
        f.write("\n".join(words))
    print(len(words), "words")


if __name__ == "__main__":
    main(*sys.argv[1:])
