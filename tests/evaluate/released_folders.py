"""Tiny released folders with random weights, as transformers writes them: LLaVA with its processor, CLIP, and words alone."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.utils import logging

logging.disable_progress_bar()
TEMPLATE = (
    "{% for m in messages %}{{ m['role'].upper() + ':' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ eos_token if m['role'] == 'assistant' else ' ' }}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
PLAIN = (
    "{% for m in messages %}{{ m['role'].upper() + ':' + m['content'] }}"
    "{{ eos_token if m['role'] == 'assistant' else ' ' }}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
TEXT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
         "patch_size": 8}  # fmt: skip


def words(**options):
    """A tokenizer of bytes that knows <s>, </s> and <image>."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<s>", "</s>", "<image>"]
    trainer = trainers.BpeTrainer(vocab_size=270, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["a red circle"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>", **options)


def pictures():
    return CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def spread(model, seed=7):
    """Values that no other start has, wide enough that rows differ; special tokens are never said."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (parameter.ndim == 1))
        head = model.get_output_embeddings() if hasattr(model, "generate") else None
        if head is not None:
            head.weight[:3] = 0.0
    return model


def llava(folder):
    """LLaVA with a CLIP tower and a Qwen2 language model."""
    tokenizer = words()
    tower, text = {"model_type": "clip_vision_model", **TOWER}, {"model_type": "qwen2", **TEXT, "vocab_size": len(tokenizer)}
    spread(LlavaForConditionalGeneration(LlavaConfig(vision_config=tower, text_config=text, image_token_index=2))).save_pretrained(
        folder
    )
    LlavaProcessor(
        pictures(), tokenizer, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE, image_token="<image>",
    ).save_pretrained(folder)  # fmt: skip
    return folder


def language(folder):
    """Qwen2 alone, with a template that takes contents as text."""
    tokenizer = words()
    spread(Qwen2ForCausalLM(Qwen2Config(**TEXT, vocab_size=len(tokenizer)))).save_pretrained(folder)
    tokenizer.chat_template = PLAIN
    tokenizer.save_pretrained(folder)
    return folder


def clip(folder):
    """CLIP with a projection of 8."""
    tokenizer = words()
    ends = [("<s>", 0), ("</s>", 1)]
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    tokenizer.model_max_length = 24
    tower, text = {**TOWER}, {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
                              "vocab_size": len(tokenizer), "max_position_embeddings": 24, "bos_token_id": 0,
                              "eos_token_id": 1, "pad_token_id": 1}  # fmt: skip
    torch.manual_seed(3)
    CLIPModel(CLIPConfig(text_config=text, vision_config=tower, projection_dim=8)).save_pretrained(folder)
    CLIPProcessor(pictures(), tokenizer).save_pretrained(folder)
    return folder
