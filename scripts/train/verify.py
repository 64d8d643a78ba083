"""Compare an exported folder with transformers: nothing missing, same token ids, same pixels, same logits, same text.

    python3 verify.py MODEL_FOLDER SAMPLES_FOLDER       (samples.json and PNG files of make_eval.py)
"""
import json, sys
import numpy as np
import torch
from PIL import Image
from answer import Prompt, greedy, pack_pictures, read, see
from bpe import Tokenizer
from conversation import Writer
from export import LEAST_PIXELS, load_model


def reference(folder, **sizes):
    """(model, tokenizer, image processor) of transformers; prints what loading lacked."""
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration
    try:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil as Processor
    except ImportError:
        from transformers import Qwen2VLImageProcessor as Processor
    model, info = Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    print("loading:", {k: list(v)[:4] for k, v in info.items() if v} or "nothing missing, nothing unexpected")
    return model.eval(), AutoTokenizer.from_pretrained(folder), Processor.from_pretrained(folder, **sizes)


def main(folder, samples):
    with open(folder + "/merges.txt") as f:
        tokenizer = Tokenizer([line.split() for line in f.read().splitlines()[1:]])
    # Pictures at their own size, as the samples are answered; the folder's setting enlarges small ones.
    mine, (theirs, their_tokenizer, processor) = load_model(folder, tokenizer), reference(folder, min_pixels=LEAST_PIXELS)
    with open(samples + "/samples.json") as f:
        rows = json.load(f)
    writer, worst, pixels, same_text, same_ids = Writer(tokenizer), 0.0, 0.0, 0, 0
    for row in rows:
        clip = "frames" in row
        media = [np.asarray(Image.open(f"{samples}/{name}").convert("RGB")) for name in row.get("frames") or row.get("images") or []]
        prompt = Prompt(writer, media, clip, row["question"])
        text = row["question"] + " " + row["answer"]
        same_ids += their_tokenizer(text).input_ids == tokenizer.encode(text)
        ids = torch.from_numpy(prompt.talk.ids)[None]
        extra = {"mm_token_type_ids": (ids == tokenizer.special["<|image_pad|>"]).long() + 2 * (ids == tokenizer.special["<|video_pad|>"]).long()}
        if media:
            seen = pack_pictures([prompt])
            x, y = (t.view(-1, 3, 1, 196) for t in (seen["rows"][:len(seen["second"])], seen["rows"][seen["second"]]))
            values, h, w = torch.cat((x, y), 2).reshape(len(x), -1), media[0].shape[0] // 14, media[0].shape[1] // 14
            grid = torch.tensor([[len(media) // 2, h, w]] if clip else [[1, m.shape[0] // 14, m.shape[1] // 14] for m in media])
            extra |= {"pixel_values_videos": values, "video_grid_thw": grid} if clip else {"pixel_values": values, "image_grid_thw": grid}
            if not clip:
                made = processor([Image.fromarray(m) for m in media], return_tensors="pt")["pixel_values"]
                pixels = max(pixels, float((made - values).abs().max())) if made.shape == values.shape else 9.0
        with torch.no_grad():
            logits = theirs(input_ids=ids, attention_mask=torch.ones_like(ids), **extra).logits[0]
            own = mine.logits(read(mine, [prompt], [prompt.talk.ids], see(mine, [prompt], "cpu"), "cpu")[0])
            worst = max(worst, float((logits - own).abs().max() / own.abs().max()))
            out = theirs.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=48, do_sample=False, **extra)[0, ids.shape[1]:]
        same_text += their_tokenizer.decode(out, skip_special_tokens=True) == greedy(mine, [prompt], tokenizer, most=48)[0]
    print(f"{len(rows)} samples: token ids equal {same_ids}, text equal {same_text}, largest relative logit difference {worst:.1e}, largest pixel difference {pixels:.1e}")
    print(repr(their_tokenizer.apply_chat_template([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]}], tokenize=False, add_generation_prompt=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
