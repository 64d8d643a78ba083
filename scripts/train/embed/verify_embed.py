"""Compare an exported folder with transformers: nothing missing, same token ids, same pixels, same vectors.

    python3 verify_embed.py MODEL_FOLDER GALLERIES [--count 20]
"""
import common  # noqa: F401
import argparse, json
import torch
from PIL import Image
from answer import patches_of
from embed_answer import BLACK, Embedder, read_picture
from embed_model import vectors
from export_embed import load_model
from pair_packing import ASKED
from verify import reference
from vocabulary import own_tokenizer


def inputs(tokenizer, processor, picture, text):
    """The prompt as a user of transformers would make it."""
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    made = processor(images=[Image.fromarray(picture)], return_tensors="pt")
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) + "<|endoftext|>"
    count = int(made["image_grid_thw"].prod()) // 4
    ids = tokenizer(prompt.replace("<|image_pad|>", "<|image_pad|>" * count), return_tensors="pt")["input_ids"]
    kinds = (ids == tokenizer.convert_tokens_to_ids("<|image_pad|>")).int()
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=kinds, **made)


@torch.no_grad()
def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("galleries")
    a.add_argument("--count", type=int, default=20)
    args = a.parse_args()
    theirs, tokenizer, processor = reference(args.model)
    mine = Embedder(load_model(args.model), own_tokenizer())
    with open(args.galleries + "/galleries.json") as f:
        scenes = [s for g in json.load(f) for s in g["scenes"][:8]][:args.count]
    same, pixels, worst = 0, 0.0, 0.0
    cases = [(read_picture(f"{args.galleries}/{s['picture']}"), ASKED) for s in scenes] + [(BLACK, s["query"]) for s in scenes]
    for picture, text in cases:
        given = inputs(tokenizer, processor, picture, text)
        grid = (picture.shape[0] // 28, picture.shape[1] // 28)
        own = mine.picture(picture) if text == ASKED else mine.text(text)
        same += given["input_ids"][0].tolist() == mine.prompts.ids(text, grid)
        rows = torch.from_numpy(patches_of(picture)[0]).view(-1, 3, 1, 196).repeat(1, 1, 2, 1).reshape(-1, 1176)
        pixels = max(pixels, float((given["pixel_values"] - rows).abs().max()))
        hidden = theirs.model(**given).last_hidden_state[0, -1]
        worst = max(worst, float((vectors(hidden[None]) - vectors(own[None])).abs().max()))
    print(f"{len(cases)} inputs: token ids equal {same}, largest pixel difference {pixels:.1e}, largest difference of vectors {worst:.1e}")


if __name__ == "__main__":
    main()
