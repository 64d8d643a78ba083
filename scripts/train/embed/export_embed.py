"""Write the embedding model as a Hugging Face folder in Qwen2-VL's layout."""
import common  # noqa: F401
import json, os
from export import TEMPLATE, config_json, exported_weights, preprocessor_json, tokenizer_config_json, write_safetensors

LEAST_PIXELS, MOST_PIXELS = 56 * 56, 168 * 168


def write_folder(model, tokenizer, folder):
    os.makedirs(folder, exist_ok=True)
    special = tokenizer.special

    def write(name, content):
        with open(f"{folder}/{name}", "w") as f:
            json.dump(content, f, indent=1)
    write_safetensors(exported_weights(model), folder + "/model.safetensors")
    write("config.json", config_json(model.config, special))
    write("tokenizer.json", tokenizer.to_json())
    write("tokenizer_config.json", tokenizer_config_json(special))
    write("chat_template.json", {"chat_template": TEMPLATE})
    write("preprocessor_config.json", preprocessor_json(LEAST_PIXELS, MOST_PIXELS, "image_processor_type"))


def load_model(folder, device="cpu"):
    """A model with the weights of an exported folder."""
    from embed_model import EmbeddingModel
    model = EmbeddingModel(device=device)
    from export import load_weights
    load_weights(model, folder)
    return model
