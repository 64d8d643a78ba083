"""Ask an exported model about picture files, in torch.

    python3 ask.py MODEL_FOLDER "Question?" PICTURE.png ...      [--clip: the pictures are frames]

Pictures are resized to sides that are multiples of 28 only if they are not already.
"""
import sys
import numpy as np
from PIL import Image
from answer import Prompt, greedy
from conversation import Writer
from evaluate import tokenizer_of
from export import load_model


def picture(path):
    image = Image.open(path).convert("RGB")
    sides = tuple(max(56, round(s / 28) * 28) for s in image.size)
    return np.asarray(image if sides == image.size else image.resize(sides, Image.BICUBIC))


def main(folder, question, *paths):
    tokenizer = tokenizer_of(folder)
    clip = "--clip" in paths
    prompt = Prompt(Writer(tokenizer), [picture(p) for p in paths if p != "--clip"], clip, question)
    print(greedy(load_model(folder, tokenizer), [prompt], tokenizer)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
