"""Write a trained model as a Hugging Face folder in Ultravox v0.3's layout, all weights in one file of float16."""
import json, os, struct
from tokens import SPECIAL

TEMPLATE = ("{{- bos_token }}{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
            "{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}")


def config_json(c, special):
    end = special["<|eot_id|>"]
    return {"architectures": ["UltravoxModel"], "model_type": "ultravox", "audio_model_id": None, "text_model_id": None, "hidden_size": c.projector, "stack_factor": c.stack,
            "projector_act": "swiglu", "norm_init": 0.4, "ignore_index": -100, "audio_token_index": special["<|reserved_special_token_0|>"], "initializer_range": 0.02,
            "torch_dtype": "float16", "vocab_size": c.vocab,
            "audio_config": {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "activation_function": "gelu", "d_model": c.dim, "encoder_layers": c.layers,
                             "num_hidden_layers": c.layers, "encoder_attention_heads": c.heads, "encoder_ffn_dim": c.mlp, "decoder_layers": 1, "decoder_attention_heads": c.heads,
                             "decoder_ffn_dim": c.mlp, "num_mel_bins": c.bands, "max_source_positions": c.positions, "max_target_positions": 448, "scale_embedding": False,
                             "vocab_size": c.vocab, "pad_token_id": special["<|finetune_right_pad_id|>"], "bos_token_id": special[SPECIAL[0]],
                             "eos_token_id": end, "decoder_start_token_id": special[SPECIAL[0]], "torch_dtype": "float16"},
            "text_config": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": c.hidden, "intermediate_size": c.intermediate,
                            "num_hidden_layers": c.text_layers, "num_attention_heads": c.text_heads, "num_key_value_heads": c.kv_heads, "head_dim": c.hidden // c.text_heads,
                            "rms_norm_eps": 1e-5, "rope_theta": c.theta, "rope_scaling": None, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
                            "max_position_embeddings": c.context, "vocab_size": c.vocab, "bos_token_id": special["<|begin_of_text|>"],
                            "eos_token_id": [special["<|end_of_text|>"], end], "torch_dtype": "float16"}}


def names(c):
    """(checkpoint's name, weights here, slice of rows or None)"""
    d = c.dim
    yield from ((f"audio_tower.{n}.bias", f"audio.{n}.bias", None) for n in ("conv1", "conv2"))
    for i in range(c.layers):
        a, b = f"audio_tower.layers.{i}.", f"audio.layers.{i}."
        for j, n in enumerate("qkv"):
            yield f"{a}self_attn.{n}_proj.weight", b + "qkv.weight", slice(j * d, (j + 1) * d)
            if n != "k":
                yield f"{a}self_attn.{n}_proj.bias", f"{b}{n}.bias", None
        for theirs, ours in (("self_attn.out_proj", "out"), ("self_attn_layer_norm", "norm1"), ("final_layer_norm", "norm2"), ("fc1", "fc1"), ("fc2", "fc2")):
            for part in ("weight", "bias"):
                yield f"{a}{theirs}.{part}", f"{b}{ours}.{part}", None
    yield from ((f"audio_tower.layer_norm.{p}", f"audio.norm.{p}", None) for p in ("weight", "bias"))
    yield from ((f"multi_modal_projector.{n}.weight", f"projector.{n}.weight", None) for n in ("ln_pre", "linear_1", "linear_2", "ln_post"))
    yield "language_model.model.embed_tokens.weight", "embed_tokens.weight", None
    for i in range(c.text_layers):
        a, b = f"language_model.model.layers.{i}.", f"text.layers.{i}."
        for theirs, ours in (("input_layernorm", "norm1"), ("post_attention_layernorm", "norm2"), *((f"self_attn.{n}_proj", n) for n in "qkvo"), *((f"mlp.{n}_proj", n) for n in ("gate", "up", "down"))):
            yield f"{a}{theirs}.weight", f"{b}{ours}.weight", None
    yield "language_model.model.norm.weight", "text.norm.weight", None


def exported(model):
    """float16 tensors under the checkpoint's names; the head for phonemes stays behind."""
    import torch
    c, out = model.config, {}
    for theirs, ours, part in names(c):
        value = model.w(ours).detach()
        out[theirs] = value if part is None else value[part]
    out["audio_tower.conv1.weight"] = model.w("audio.conv1.weight").detach().view(c.dim, c.bands, 3)
    out["audio_tower.conv2.weight"] = model.w("audio.conv2.weight").detach().view(c.dim, c.dim, 3)
    out["audio_tower.embed_positions.weight"] = model.places
    return {k: v.to(torch.float16).contiguous().cpu() for k, v in sorted(out.items())}


def load_weights(model, folder):
    """The weights of an exported folder into a model; its dense head keeps its own."""
    import torch
    weights = read_safetensors(folder + "/model.safetensors")
    with torch.no_grad():
        for theirs, ours, part in names(model.config):
            target = model.w(ours)
            (target if part is None else target[part]).copy_(weights[theirs])
        for n in ("conv1", "conv2"):
            model.w(f"audio.{n}.weight").copy_(weights[f"audio_tower.{n}.weight"].flatten(1))


def read_safetensors(path):
    """float32 tensors of a float16 file."""
    import torch
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    return {k: torch.frombuffer(bytearray(data[e["data_offsets"][0]:e["data_offsets"][1]]), dtype=torch.float16).view(e["shape"]).float() for k, e in header.items()}


def write_safetensors(tensors, path):
    header, at = {}, 0
    for name, t in tensors.items():
        size = t.numel() * 2
        header[name] = {"dtype": "F16", "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.numpy().tobytes())


def write_folder(model, tokenizer, folder):
    os.makedirs(folder, exist_ok=True)
    special = tokenizer.special

    def write(name, value):
        with open(f"{folder}/{name}", "w") as f:
            json.dump(value, f, ensure_ascii=False, indent=None if name == "tokenizer.json" else 2)
    write_safetensors(exported(model), folder + "/model.safetensors")
    write("config.json", config_json(model.config, special))
    write("tokenizer.json", tokenizer.to_json())
    added = {str(i): {"content": t, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True} for t, i in special.items()}
    write("tokenizer_config.json", {"added_tokens_decoder": added, "bos_token": SPECIAL[0], "eos_token": "<|eot_id|>", "pad_token": "<|finetune_right_pad_id|>", "chat_template": TEMPLATE,
                                    "clean_up_tokenization_spaces": False, "model_input_names": ["input_ids", "attention_mask"], "model_max_length": model.config.context,
                                    "tokenizer_class": "PreTrainedTokenizerFast"})
    write("generation_config.json", {"bos_token_id": special[SPECIAL[0]], "eos_token_id": [special["<|end_of_text|>"], special["<|eot_id|>"]],
                                     "pad_token_id": special["<|finetune_right_pad_id|>"], "do_sample": False, "max_new_tokens": 64})
    write("preprocessor_config.json", {"feature_extractor_type": "WhisperFeatureExtractor", "processor_class": "UltravoxProcessor", "feature_size": model.config.bands, "hop_length": 160,
                                       "n_fft": 400, "chunk_length": model.config.positions // 50, "n_samples": model.config.positions * 320, "nb_max_frames": model.config.positions * 2,
                                       "padding_side": "right", "padding_value": 0.0, "return_attention_mask": False, "sampling_rate": 16000})
