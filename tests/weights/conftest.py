"""Released folders as transformers writes them: tiny, random, with a real tokenizer and a chat template.

Makes the modules beside the tests of this folder importable, too.
"""

import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parent))
logging.disable_progress_bar()
TEXTS = ["what is on it? a red circle left of a blue square", "how many cats are there? two"]
PARTS = (
    "{% for m in messages %}{{ m['role'].upper() + ':' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ eos_token if m['role'] == 'assistant' else ' ' }}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
PLAIN = (
    "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] }}"
    "{{ eos_token if m['role'] == 'assistant' else '' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
LANGUAGES = {"llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM, "qwen3": Qwen3ForCausalLM}
TEXT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5, "head_dim": 8}  # fmt: skip
TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32,
         "patch_size": 8}  # fmt: skip
SPECIALS = ("<s>", "</s>", "<pad>", "<unk>")


def make_tokenizer(*extra, template=PARTS, begins=False):
    """Byte-level BPE with special tokens; `begins` puts <s> in front of every text, as Llama's do."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[*SPECIALS, *extra], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    if begins:
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    names = dict(zip(("bos_token", "eos_token", "pad_token", "unk_token"), SPECIALS, strict=True))
    names |= {"chat_template": template or None, "additional_special_tokens": list(extra)}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


def spread(model, seed=0):
    """Random weights of a size that makes every part matter, norms and biases too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            parameter.copy_(parameter + noise if parameter.dim() == 1 else noise)
    return model.eval()


def tower_config(kind):
    if kind == "clip":
        return CLIPVisionConfig(**TOWER, hidden_act="quick_gelu")
    return SiglipVisionConfig(**TOWER, vision_use_head=False)


@pytest.fixture(scope="session")
def llava(tmp_path_factory):
    """What makes a released LLaVA folder of a tower, a language model and other choices; the same choices give the same folder."""
    made = {}

    def make(tower="clip", language="llama", *, padded_rows=3, begins=False, template=PARTS, tied=False, shard="5GB", crop=True):
        key = (tower, language, padded_rows, begins, template, tied, shard, crop)
        if key not in made:
            folder = tmp_path_factory.mktemp("llava")
            tokenizer = make_tokenizer("<image>", template=template, begins=begins)
            rows = len(tokenizer) + padded_rows
            text = AutoConfig.for_model(language, **TEXT, vocab_size=rows, tie_word_embeddings=tied)
            config = LlavaConfig(
                vision_config=tower_config(tower),
                text_config=text,
                image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
                vision_feature_select_strategy="default" if tower == "clip" else "full",
                tie_word_embeddings=tied,
            )
            torch.manual_seed(0)
            spread(LlavaForConditionalGeneration(config)).save_pretrained(folder, max_shard_size=shard)
            edge = {"shortest_edge": 32} if crop else {"height": 32, "width": 32}
            pictures = CLIPImageProcessorPil(size=edge, crop_size={"height": 32, "width": 32}, do_center_crop=crop)
            processor = LlavaProcessor(
                pictures,
                tokenizer,
                patch_size=8,
                vision_feature_select_strategy=config.vision_feature_select_strategy,
                num_additional_image_tokens=int(tower == "clip"),
                chat_template=template,
            )
            processor.save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make


@pytest.fixture(scope="session")
def language_folder(tmp_path_factory):
    """What makes a released folder of a language model alone."""

    def make(family="llama", *, template=PLAIN, tied=False):
        folder = tmp_path_factory.mktemp(family)
        tokenizer = make_tokenizer(template=template)
        config = AutoConfig.for_model(family, **TEXT, vocab_size=len(tokenizer), tie_word_embeddings=tied)
        spread(LANGUAGES[family](config)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tower_folder(tmp_path_factory):
    """What makes a released folder of a vision tower alone."""

    def make(kind="clip"):
        folder = tmp_path_factory.mktemp(kind)
        model = (CLIPVisionModel if kind == "clip" else SiglipVisionModel)(tower_config(kind))
        spread(model).save_pretrained(folder)
        return folder

    return make
