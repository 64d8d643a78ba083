"""Write the embedding model as a Hugging Face folder in Qwen2-VL's layout."""
import common  # noqa: F401
from export import load_weights, preprocessor_json, write_model

LEAST_PIXELS, MOST_PIXELS = 56 * 56, 168 * 168


def write_folder(model, tokenizer, folder):
    write_model(model, tokenizer, folder, {"preprocessor_config.json": preprocessor_json(LEAST_PIXELS, MOST_PIXELS, "image_processor_type")})


def load_model(folder, device="cpu"):
    """A model with the weights of an exported folder."""
    from embed_model import EmbeddingModel
    model = EmbeddingModel(device=device)
    load_weights(model, folder)
    return model
