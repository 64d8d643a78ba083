"""Vectors of finished pictures and of texts, in torch, one input at a time."""
import common  # noqa: F401
import numpy as np
import torch
from PIL import Image
from answer import patches_of
from embed_model import BLANK_SIDE
from model import rms_norm
from pair_packing import Prompts

BLACK = np.zeros((BLANK_SIDE * 14, BLANK_SIDE * 14, 3), np.uint8)


def read_picture(path):
    return np.asarray(Image.open(path).convert("RGB"))


class Embedder:
    """Sides of pictures must be multiples of 28 and within the model's limits: nothing is resized."""

    def __init__(self, model, tokenizer):
        self.model, self.prompts = model, Prompts(tokenizer)

    @torch.no_grad()
    def hidden(self, ids, positions, media, picture):
        rows, cells = patches_of(picture)
        ends, n = torch.tensor([0, len(rows)], dtype=torch.int32), len(ids)
        merged = self.model.merge(self.model.vision(torch.from_numpy(rows), torch.from_numpy(cells), ends, len(rows)))
        hidden = self.model.text(torch.tensor(ids), torch.from_numpy(media), merged, torch.from_numpy(positions), torch.tensor([0, n], dtype=torch.int32), n)
        return rms_norm(hidden[-1], self.model.weights["model/norm/weight"])

    def picture(self, picture):
        return self.hidden(*self.prompts.picture((picture.shape[0] // 28, picture.shape[1] // 28)), picture)

    def text(self, text):
        return self.hidden(*self.prompts.text(text), BLACK)
