"""Tiny folders of models that are asked: a checkpoint of omma, and transformers' two classes with a head for matching."""

from dataclasses import replace

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, Blip2Processor, BlipProcessor
from transformers.models.blip.configuration_blip import BlipConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.blip.modeling_blip import BlipForImageTextRetrieval
from transformers.models.blip_2.configuration_blip_2 import Blip2Config
from transformers.models.blip_2.modeling_blip_2 import Blip2ForImageTextRetrieval

from omma.core.config import show
from omma.core.files import write_text
from omma.media.draw import to_png
from omma.model.vlm import init
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.native import save_model
from omma_recipes.runs.quickstart import quickstart

TEXTS = ["a red box", "two dots on blue", "the small green ring beside it", "is it a box?", "words that are many"]
TEXT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
TOWER = {**TEXT, "image_size": 32, "patch_size": 8}


def draw_pictures(root, count=4):
    """`0.png` … with noise, all of one size."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), np.uint8)
        (root / f"{number}.png").write_bytes(to_png(pixels))
    return root


def shows(name, uri):
    return Sample(name, "test", media=(Media(uri, width=48, height=40),))


def says(name, words, uri="", reply=""):
    """A question, about a picture if one is named, with its reply if there is one."""
    media = (Media(uri, width=48, height=40),) if uri else ()
    parts = (*((Part("image", index=0),) if uri else ()), Part("text", words))
    turns = (Turn("user", parts), *((Turn("assistant", (Part("text", reply),)),) if reply else ()))
    return Sample(name, "test", media=media, turns=turns)


def checkpoint(folder, seed=0, caption_prompt="what do you see?"):
    """The quickstart's model with random weights, as `omma train` saves it."""
    recipe = quickstart().tiny()
    text = replace(recipe.model.text, caption_prompts=(caption_prompt,))
    recipe = replace(recipe, model=replace(recipe.model, text=text))
    folder.mkdir(parents=True)
    save_model(folder, init(recipe.model.build(), seed))
    write_text(folder / "config.yaml", show(recipe))
    recipe.model.text.fit([says(str(i), text, reply=text) for i, text in enumerate(TEXTS)], folder / "tokenizer")
    return folder


def blip(folder):
    """BlipForImageTextRetrieval; its head is widened, so that probabilities differ."""
    tokenizer = _words()
    text = {**TEXT, "vocab_size": len(tokenizer), "encoder_hidden_size": 16, "max_position_embeddings": 24, "pad_token_id": 0}
    config = BlipConfig(text_config=text, vision_config=TOWER, projection_dim=8, image_text_hidden_size=8)
    return _saved(BlipForImageTextRetrieval(config), BlipProcessor(_pictures(), tokenizer), folder)


def blip2(folder, placed):
    """Blip2ForImageTextRetrieval; `placed`: a placeholder stands for each query, as in newer configs."""
    tokenizer = _words()
    q_former = {**TEXT, "vocab_size": len(tokenizer), "encoder_hidden_size": 16, "max_position_embeddings": 24,
                "use_qformer_text_input": True, "cross_attention_frequency": 1, "pad_token_id": 0}  # fmt: skip
    config = Blip2Config(vision_config=TOWER, qformer_config=q_former, num_query_tokens=3, image_text_hidden_size=8)
    if placed:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
        config.image_token_index = tokenizer.convert_tokens_to_ids("<image>")
    processor = Blip2Processor(_pictures(), tokenizer, num_query_tokens=3 if placed else None)
    return _saved(Blip2ForImageTextRetrieval(config), processor, folder)


def _saved(model, processor, folder):
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _pictures():
    return BlipImageProcessorPil(size={"height": 32, "width": 32})


def _words():
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials, show_progress=False))
    ends = [("[CLS]", backend.token_to_id("[CLS]")), ("[SEP]", backend.token_to_id("[SEP]"))]
    backend.post_processor = processors.BertProcessing(ends[1], ends[0])
    return BertTokenizerFast(tokenizer_object=backend, model_max_length=24)
