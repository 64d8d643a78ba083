"""Checks an exported folder against transformers: the encoder, the whole model's logits, the tokenizer and the chat template.

    python3 verify.py MODEL [CLIP.wav …]        16 kHz, 16 bits, one channel; without clips a made-up one is used
"""
import json, sys, wave
import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from audio_export import load_weights, read_safetensors


class Reference:
    """The checkpoint in transformers' own modules; only the projector is written out."""

    def __init__(self, folder):
        with open(folder + "/config.json") as f:
            self.config = json.load(f)
        self.weights, self.tokenizer = read_safetensors(folder + "/model.safetensors"), AutoTokenizer.from_pretrained(folder)
        self.language = LlamaForCausalLM(LlamaConfig(**self.config["text_config"])).eval()
        text = {k[len("language_model."):]: v for k, v in self.weights.items() if k.startswith("language_model.")}
        text["lm_head.weight"] = text["model.embed_tokens.weight"]
        self.language.load_state_dict(text)

    def encoder(self, rows):
        """WhisperEncoder wants clips of exactly its own length, so it is built for this one."""
        audio = {**self.config["audio_config"], "max_source_positions": rows}
        encoder = WhisperEncoder(WhisperConfig(**audio)).eval()
        part = {k[len("audio_tower."):]: v for k, v in self.weights.items() if k.startswith("audio_tower.")}
        part["embed_positions.weight"] = part["embed_positions.weight"][:rows]
        encoder.load_state_dict(part)
        return encoder

    @torch.no_grad()
    def hear(self, samples):
        """f32 samples at 16 kHz -> embeddings [tokens, hidden]"""
        w, stack = self.weights, self.config["stack_factor"]
        frames = len(samples) // 160 // 2 * 2
        mel = WhisperFeatureExtractor()(samples[:frames * 160], sampling_rate=16000, padding="longest", truncation=False, return_tensors="pt")["input_features"][:, :, :frames]
        rows = self.encoder(frames // 2)(mel).last_hidden_state[0]
        rows = F.pad(rows, (0, 0, 0, -len(rows) % stack)).view(-1, stack * rows.shape[1])
        norm = lambda x, name: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w[f"multi_modal_projector.{name}.weight"]
        x, gate = (norm(rows, "ln_pre") @ w["multi_modal_projector.linear_1.weight"].T).chunk(2, -1)
        return norm((F.silu(gate) * x) @ w["multi_modal_projector.linear_2.weight"].T, "ln_post")

    def prompt(self, question):
        return self.tokenizer.apply_chat_template([{"role": "user", "content": "<|audio|>" + ("\n" + question if question else "")}], tokenize=False, add_generation_prompt=True)

    @torch.no_grad()
    def answer(self, samples, question, most=64):
        """(greedy text, its ids, logits of the first token)"""
        before, after = (self.tokenizer(t, add_special_tokens=False)["input_ids"] for t in self.prompt(question).split("<|audio|>"))
        embed = self.language.model.embed_tokens
        x = torch.cat((embed(torch.tensor(before)), self.hear(samples), embed(torch.tensor(after))))
        ends, ids, first = self.config["text_config"]["eos_token_id"], [], None
        while len(ids) < most:
            logits = self.language(inputs_embeds=x[None]).logits[0, -1]
            first = logits if first is None else first
            ids.append(int(logits.argmax()))
            if ids[-1] in ends:
                break
            x = torch.cat((x, embed(torch.tensor(ids[-1:]))))
        return self.tokenizer.decode(ids, skip_special_tokens=True), ids, first


def read_wave(path):
    with wave.open(path, "rb") as f:
        return np.frombuffer(f.readframes(f.getnframes()), np.int16).astype(np.float32) / 32768


def own_logits(folder, samples, question):
    """The training code's logits for the same prompt's last token, on the same features."""
    import os
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    from audio_model import AudioModel, Config
    from tokens import Tokenizer
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "merges.json")) as f:
        tokenizer = Tokenizer(json.load(f))
    model = AudioModel(Config(vocab=tokenizer.size))
    load_weights(model, folder)
    model.places.copy_(read_safetensors(folder + "/model.safetensors")["audio_tower.embed_positions.weight"])
    before, after = tokenizer.talk([("", question, "")])
    after = [t for t in after if t < 1024]
    frames = len(samples) // 160 // 2 * 2
    mel = WhisperFeatureExtractor()(samples[:frames * 160], sampling_rate=16000, padding="longest", truncation=False, return_tensors="pt")["input_features"][0].T[:frames]
    room = (frames + 8) // 8 * 8
    inside = (torch.arange(room) < frames)[:, None]
    place = torch.arange(room // 2)
    row_inside = (place < frames // 2)[:, None]
    with torch.no_grad():
        sound = model.project(model.encode(F.pad(mel, (0, 0, 0, room - frames)), inside.float(), place, row_inside.float(), torch.tensor([0, frames // 2, room // 2])))
        count = (frames // 2 + 3) // 4
        ids = torch.tensor(before + [0] * count + after)
        is_sound = torch.zeros(len(ids), 1, dtype=torch.bool)
        is_sound[len(before):len(before) + count] = True
        at = (torch.arange(len(ids)) - len(before)).clamp(0, count - 1)
        hidden = model.text(ids, sound, at, is_sound, torch.arange(len(ids)), torch.tensor([0, len(ids)]), len(ids))
        return model.logits(hidden)[-1], before, after


def main(folder, clips):
    reference = Reference(folder)
    made_up = (np.sin(np.arange(40000) * .1) * .3 * np.random.default_rng(0).random(40000)).astype(np.float32)
    worst = 0.0
    for clip in clips or [None]:
        samples = read_wave(clip) if clip else made_up
        for question in ("Transcribe the audio.", "", "How many beeps are there?"):
            text, ids, first = reference.answer(samples, question)
            own, before, after = own_logits(folder, samples, question)
            theirs = [reference.tokenizer(t, add_special_tokens=False)["input_ids"] for t in reference.prompt(question).split("<|audio|>")]
            if theirs != [before, after]:
                sys.exit(f"token ids differ: {theirs} {[before, after]}")
            worst = max(worst, float((own - first).abs().max() / first.abs().max()))
            print(clip or "made up", repr(question), "->", repr(text))
    print(f"largest relative difference of logits {worst:.1e}")
    if worst > 1e-4:
        sys.exit("differs from transformers")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
