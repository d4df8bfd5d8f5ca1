"""A released LLaVA of a few kilobytes with random weights, as transformers saves it, and a folder of samples of every kind."""

import json

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.clip.modeling_clip import CLIPVisionConfig
from transformers.models.llama.modeling_llama import LlamaConfig
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration

from omma.media.draw import to_png

SIDE, PATCH = 16, 8
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
MARKS = ("<s>", "</s>", "<image>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% elif 'text' in part %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_words(folder):
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    added = [AddedToken(token, normalized=False, special=True) for token in MARKS]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=added, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["user assistant Which colour? a picture all red green blue"] * 3, trainer)
    backend.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return backend


def save_released(folder, seed=0):
    """Weights, config.json, tokenizer with a chat template, and the image processor's file; returns the transformers model."""
    folder.mkdir(parents=True)
    words = save_words(folder)
    vision = CLIPVisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                              image_size=SIDE, patch_size=PATCH)  # fmt: skip
    text = LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                       vocab_size=words.get_vocab_size())  # fmt: skip
    torch.manual_seed(seed)
    cfg = LlavaConfig(vision_config=vision, text_config=text, image_token_index=words.token_to_id("<image>"),
                      vision_feature_layer=-2, vision_feature_select_strategy="default")  # fmt: skip
    model = LlavaForConditionalGeneration(cfg).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.15 + (parameter.ndim == 1))
    model.save_pretrained(folder)
    square = {"height": SIDE, "width": SIDE}
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor", "size": square, "crop_size": square, "do_center_crop": False,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3,
    }))  # fmt: skip
    return model


def save_samples(root, count=12):
    """Three files of annotations: conversations with one, two or four pictures (frames) and none; LLaVA's; captions."""
    root.mkdir(parents=True)
    names = list(COLOURS)
    for name, colour in COLOURS.items():
        (root / f"{name}.png").write_bytes(to_png(np.full((20, 24, 3), colour, np.uint8)))

    def talk(pictures, question, answer):
        said = [{"role": "user", "content": "<image>" * len(pictures) + question}, {"role": "assistant", "content": answer}]
        return {"images": [f"{name}.png" for name in pictures], "messages": said} if pictures else {"messages": said}

    one, other = (lambda i: names[i % 3]), (lambda i: names[i // 3 % 3])
    rows = [talk([one(i)], "Which colour?", one(i)) for i in range(count)]
    rows += [talk([one(i), other(i)], "Which colours?", f"{one(i)} and {other(i)}") for i in range(count)]
    rows += [talk([one(i)] * 3 + [other(i)], "What happens?", f"{one(i)} becomes {other(i)}") for i in range(count)]
    rows += [talk([], f"What comes after {one(i)}?", names[(i + 1) % 3]) for i in range(count)]
    (root / "talks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = {"from": "human", "value": "<image>\nName it."}
    classic = [{"image": f"{one(i)}.png", "conversations": [asked, {"from": "gpt", "value": one(i)}]} for i in range(count)]
    (root / "classic.json").write_text(json.dumps(classic))
    captions = [{"image": f"{one(i)}.png", "caption": f"a picture that is all {one(i)}"} for i in range(count)]
    (root / "captions.jsonl").write_text("\n".join(map(json.dumps, captions)))
    return 6 * count
