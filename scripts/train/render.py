"""Draws the patches of a batch on the GPU from sprite lists, and tells what lies under each patch's centre."""
import torch
from frame import BAR_CLASS, LETTERS, SPRITE, SPRITES, TEXT_CLASS, TEXTS

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PATCH = 14
NEAR = 5  # sprites drawn per patch; more never overlap
EMPTY = torch.zeros(SPRITE)  # a sprite that draws nothing
EMPTY[7:9] = 1


def block_cosines(n=7):
    """Orthonormal DCT-II over the four 7 x 7 blocks of a patch, as one [196, 196] matrix (rows: coefficients), and how coarsely
    each coefficient is rounded. The blocks stand in for JPEG's 8 x 8."""
    i = torch.arange(n).float()
    line = torch.cos(torch.pi * (2 * i[None] + 1) * i[:, None] / (2 * n)) * (2 / n) ** .5
    line[0] /= 2 ** .5
    side = torch.block_diag(line, line)
    coarse = 1 + .35 * torch.cat((i, i))
    return torch.kron(side, side), ((coarse[:, None] + coarse[None]) - 1).flatten()


def on_sheet(back, x, y):
    """Where a pixel of the photograph lies on the sheet that was photographed. back [N, 26]; x, y [N, ...]."""
    part = lambda j: back[:, j].view(-1, *[1] * (x.ndim - 1))
    dx, dy = x - part(14) / 2, y - part(15) / 2
    depth = 1 + part(18) * dx + part(19) * dy
    return part(14) / 2 + (part(16) * dx - part(17) * dy) / depth, part(15) / 2 + (part(17) * dx + part(16) * dy) / depth


def place_in_sprite(sprites, x, y):
    """Coordinates within each sprite, -1 to 1 inside. sprites [N, K, 14]; x, y [N, 1]."""
    dx, dy = x - sprites[..., 0], y - sprites[..., 1]
    return sprites[..., 2] * dx + sprites[..., 3] * dy, sprites[..., 4] * dx + sprites[..., 5] * dy


def nearest_sprites(sprites, back, origin):
    """The first NEAR sprites in drawing order that may touch the patch. sprites [N, K, 14] -> places [N, NEAR]; K where there are none."""
    x, y = on_sheet(back, origin[:, 1:] + PATCH / 2, origin[:, :1] + PATCH / 2)
    u, v = place_in_sprite(sprites, x, y)
    reach = PATCH * .5 * 1.3 + 1.0
    reach_u = (sprites[..., 2].abs() + sprites[..., 3].abs()) * reach + 2 / sprites[..., 7]
    reach_v = (sprites[..., 4].abs() + sprites[..., 5].abs()) * reach + 2 / sprites[..., 8]
    near = (u.abs() <= 1 + reach_u) & (v.abs() <= 1 + reach_v) & (sprites[..., 13] > 0)
    order = torch.where(near, torch.arange(SPRITES, device=sprites.device), SPRITES)
    return order.topk(NEAR, 1, largest=False, sorted=True).values


def paint(sprites, back, origin, bank, noise):
    """sprites [N, NEAR, 14], back [N, 26], origin [N, 2] (y, x of the patch), bank of packed pixels, noise [N, 3, 196] -> RGB 0..1 [N, 3, 196]."""
    i = torch.arange(PATCH * PATCH, device=sprites.device)
    raw_x, raw_y = origin[:, 1:] + (i % PATCH) + .5, origin[:, :1] + torch.div(i, PATCH, rounding_mode="floor") + .5
    x, y = on_sheet(back, raw_x, raw_y)
    part = lambda j: back[:, j:j + 1]
    t = (part(6) * x + part(7) * y + part(8)).clamp(0, 1)
    wave = part(9) * torch.sin(part(10) * x + part(11) * y)
    r, g, b = [part(c) + (part(c + 3) - part(c)) * t + wave for c in (0, 1, 2)]
    for k in range(NEAR):
        p = lambda j: sprites[:, k, j:j + 1]
        dx, dy, tw, th = x - p(0), y - p(1), p(7), p(8)
        u = ((p(2) * dx + p(3) * dy) * .5 + .5) * tw - .5
        v = ((p(4) * dx + p(5) * dy) * .5 + .5) * th - .5
        inside = (u > -1) & (v > -1) & (u < tw) & (v < th) & (p(13) > 0)
        x0, y0 = torch.floor(u), torch.floor(v)
        fx, fy = u - x0, v - y0
        red = green = blue = alpha = 0.
        for ax in (0, 1):
            for ay in (0, 1):
                tx, ty = x0 + ax, y0 + ay
                valid = inside & (tx >= 0) & (ty >= 0) & (tx < tw) & (ty < th)
                texel = bank[torch.where(valid, p(6).long() + (ty * tw + tx).long(), 0)]
                weight = torch.where(valid, (fx if ax else 1 - fx) * (fy if ay else 1 - fy), 0.) * (1 / 255)
                red, green = red + weight * (texel & 255), green + weight * ((texel >> 8) & 255)
                blue, alpha = blue + weight * ((texel >> 16) & 255), alpha + weight * ((texel >> 24) & 255)
        gray, s = .3 * red + .59 * green + .11 * blue, p(12)
        red, green, blue = gray + (red - gray) * s, gray + (green - gray) * s, gray + (blue - gray) * s
        keep = 1 - alpha
        r, g, b = r * keep + red.clamp(min=0) * p(9), g * keep + green.clamp(min=0) * p(10), b * keep + blue.clamp(min=0) * p(11)
    light = part(13) * (1 + part(20) * torch.sin(part(21) * raw_x + part(22) * raw_y))
    on = (x >= 0) & (y >= 0) & (x <= part(14)) & (y <= part(15))
    rgb = torch.stack([torch.where(on, (c * light).clamp(1e-4, 1) ** part(23), part(24)) for c in (r, g, b)], 1)
    return (rgb + noise * back[:, 12, None, None]).clamp(0, 1)


def compress(rgb, step, cosines, coarse):
    """Rounds cosine coefficients as JPEG does, colour twice as coarsely; then to 8 bits. rgb [N, 3, 196], step [N]."""
    red, green, blue = rgb.unbind(1)
    luma = .299 * red + .587 * green + .114 * blue
    planes = []
    for plane, factor in ((luma, 1.), (blue - luma, 2.), (red - luma, 2.)):
        size = step[:, None] * (factor * coarse)
        planes.append(((plane @ cosines.t()) / size).round() * size @ cosines)
    luma = planes[0]
    blue, red = planes[1] + luma, planes[2] + luma
    green = (luma - .299 * red - .114 * blue) / .587
    return (torch.stack((red, green, blue), 1).clamp(0, 1) * 255).round() / 255


class Renderer:
    def __init__(self, bank, shape, device, compiled):
        self.shape, self.device, self.strips_at = shape, device, bank.size
        self.bank = torch.zeros(bank.size + shape.ink, dtype=torch.int32, device=device)
        self.bank[:bank.size] = torch.from_numpy(bank.data).to(device)
        self.mean, self.std = torch.tensor(MEAN, device=device)[:, None], torch.tensor(STD, device=device)[:, None]
        self.cosines, self.coarse = (t.to(device) for t in block_cosines())
        self.empty = EMPTY.to(device)
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else lambda f: f
        self.nearest, self.paint, self.compress = wrap(nearest_sprites), wrap(paint), wrap(compress)

    def place(self, batch):
        """Frames, their sprites and the origin in pixels of every row."""
        entry = batch["rows_frame"].long()
        return entry, batch["sprites"][entry], batch["back"][entry], batch["rows_cell"].float() * PATCH

    def pixels(self, batch, noise=None):
        """RGB in 0..1, [rows, 3, 196], rounded to 8 bits."""
        self.bank[self.strips_at:] = batch["ink"].int() * 0x01010101
        _, sprites, back, origin = self.place(batch)
        order = self.nearest(sprites, back, origin)
        chosen = sprites.gather(1, order.clamp(max=SPRITES - 1)[..., None].expand(-1, -1, sprites.shape[2]))
        chosen = torch.where((order < SPRITES)[..., None], chosen, self.empty)
        if noise is None:
            noise = torch.randn(len(origin), 3, PATCH * PATCH, device=self.device)
        return self.compress(self.paint(chosen, back, origin, self.bank, noise), back[:, 25], self.cosines, self.coarse)

    def normalize(self, rgb):
        """The vision tower's input [rows, 588]."""
        x = ((rgb - self.mean) / self.std).reshape(len(rgb), -1)
        return x if self.device == "cpu" else x.bfloat16()

    def labels(self, batch):
        """Per patch of the first frames: class and colour of the topmost sprite under its centre, else the backdrop's colour if it has a name."""
        n = self.shape.patches
        entry, sprites, back, origin = (t[:n] for t in self.place(batch))
        x, y = on_sheet(back, origin[:, 1:] + PATCH / 2, origin[:, :1] + PATCH / 2)
        u, v = place_in_sprite(sprites, x, y)
        labels = batch["labels"][entry].long()
        known = (labels[..., 0] > 0) & (sprites[..., 13] > 0)
        boxy = labels[..., 0] >= BAR_CLASS  # bars and text fill their box; things are round
        hit = known & torch.where(boxy, (u.abs() <= 1) & (v.abs() <= 1), u * u + v * v <= 1)
        top = (hit * torch.arange(1, SPRITES + 1, device=hit.device)).amax(1, keepdim=True)
        k = (top - 1).clamp(min=0)
        kind, color, slot = (labels[..., j].gather(1, k)[:, 0] for j in range(3))
        along = (u.gather(1, k) + 1) * 127.5
        slot = slot.clamp(max=TEXTS - 1)
        letter = (batch["letter_ends"][entry, slot] < along).sum(1, keepdim=True).clamp(max=LETTERS - 1)
        character = batch["letters"][entry, slot].gather(1, letter)[:, 0].long()
        there = top[:, 0] > 0
        return torch.where(there, torch.where(kind == TEXT_CLASS, character, kind), 0), torch.where(there, color, labels[:, SPRITES - 1, 1])

