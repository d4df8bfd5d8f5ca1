"""Tiny random folders of the LLaVA line as transformers publishes them; what transformers makes of samples, and what omma does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPVisionConfig
from transformers.models.llama.modeling_llama import LlamaConfig
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.mistral.modeling_mistral import MistralConfig
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3Config
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig

from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.media.draw import to_png
from omma.media.store import Store
from omma.model.vlm import Vlm, VlmModule
from omma.pack.codec import Codec
from omma.pack.collate import rows_to_batch
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.export import export
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

TEXTS = ["what stands on the picture and how bright is it", "a row of plain colours, nothing else", "compare them, please"]
SYSTEM = "A chat with pictures."
# The released templates' own forms: pictures first, then words; the assistant's words where a generation begins.
VICUNA = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
INST = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] }}{% endfor %}"
    "{% if message['role'] == 'user' %}{{ ' [/INST]' }}{% else %}{{ eos_token }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\n' }}"
    "{% elif part['type'] == 'video' %}{{ '<video>\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# writes white space before a reply that it does not write before one to come
ONEVISION = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% if message['role'] != 'assistant' %}{{ '\n' + part['text'] }}{% else %}"
    "{% generation %}{{ '\n' + part['text'] }}{% endgeneration %}{% endif %}{% endfor %}{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEMPLATES = {"llama": VICUNA, "mistral": INST, "qwen2": CHATML, "qwen3": CHATML}


@dataclass(frozen=True)
class Pair:
    """A released folder open on both sides."""

    folder: Path
    theirs: Any
    processor: Any
    cfg: Vlm
    module: VlmModule
    codec: Codec
    names: Any


def tokenizer(language: str) -> PreTrainedTokenizerFast:
    """A small byte-level BPE with the special tokens of the line; Llama's and Mistral's begin every text with `<s>`."""
    bpe, qwen = Tokenizer(models.BPE()), language.startswith("qwen")
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    marks = ["<s>", "</s>", "<unk>", "<pad>"] if not qwen else ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=[*marks, "<image>", "<video>"],
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    if qwen:
        named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    else:
        named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
        bpe.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", bpe.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, additional_special_tokens=["<image>", "<video>"], **named)


def draw_text(rng: np.random.Generator, kind: str, vocab_size: int, tied: bool) -> Any:
    """A random small language model of a family: heads, groups, depth, sizes, a window for Mistral."""
    groups, per_group, head_dim = int(rng.choice([1, 2])), int(rng.choice([1, 2])), int(rng.choice([4, 8]))
    heads = groups * per_group
    common = dict(hidden_size=heads * head_dim, intermediate_size=int(rng.integers(20, 60)),
                  num_hidden_layers=int(rng.integers(1, 4)), num_attention_heads=heads, num_key_value_heads=groups,
                  vocab_size=vocab_size, max_position_embeddings=4096, tie_word_embeddings=tied, initializer_range=0.2)  # fmt: skip
    if kind == "mistral":
        return MistralConfig(**common, head_dim=head_dim, sliding_window=int(rng.integers(5, 40)) if rng.random() < 0.5 else None)
    if kind == "qwen3":
        return Qwen3Config(**common | {"hidden_size": int(rng.choice([16, 24]))}, head_dim=2 * head_dim)
    return {"llama": LlamaConfig, "qwen2": Qwen2Config}[kind](**common)


def draw_tower(rng: np.random.Generator, kind: str, *, patch: int, side: int, rest: int = 0) -> Any:
    """A random small CLIP or SigLIP for pictures of `side` patches and a rest of px behind the last."""
    heads = int(rng.choice([1, 2]))
    sizes = dict(hidden_size=heads * 8, num_attention_heads=heads, intermediate_size=int(rng.integers(16, 48)),
                 num_hidden_layers=int(rng.integers(2, 5)), image_size=patch * side + rest, patch_size=patch)  # fmt: skip
    if kind == "clip":
        return CLIPVisionConfig(**sizes, hidden_act=str(rng.choice(["quick_gelu", "gelu"])))
    return SiglipVisionConfig(**sizes, vision_use_head=False)


def spread(model: Any, seed: int) -> None:
    """Random values large enough that every part of the model shows in its logits."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.25 if parameter.ndim > 1 else 0.3) + (parameter.ndim == 1))


def square_processor(words: Any, vision: Any, strategy: str, kind: str) -> LlavaProcessor:
    """LlavaProcessor over one square: `squash`, `crop` of the middle, or `pad`."""
    size, class_token = vision.image_size, vision.model_type.startswith("clip")
    square = {"height": size, "width": size}
    how = {
        "squash": lambda: CLIPImageProcessorPil(size=square, do_center_crop=False),
        "crop": lambda: CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size=square),
        "pad": lambda: LlavaImageProcessorPil(size={"shortest_edge": size}, crop_size=square, do_pad=True),
    }[kind]()
    return LlavaProcessor(how, words, patch_size=vision.patch_size, vision_feature_select_strategy=strategy,
                          num_additional_image_tokens=int(class_token), chat_template=words.chat_template)  # fmt: skip


def open_pair(folder: Path, theirs: Any, processor: Any) -> Pair:
    """Both sides of a folder that is written here."""
    theirs.save_pretrained(folder)
    processor.save_pretrained(folder)
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    codec = source.model.text.fit((), folder / "omma-words")
    return Pair(folder, theirs.eval(), processor, source.model, module, codec, source.names)


def sample(root: Path, seed: int, sizes: list[tuple[int, int]], reply: str = "") -> Sample:
    """A question about pictures of these (width, height), and a reply if one is given."""
    rng = np.random.default_rng(seed)
    media = []
    for number, (width, height) in enumerate(sizes):
        file = root / f"{seed}-{number}.png"
        file.write_bytes(to_png(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)))
        media.append(Media(file.name, width=width, height=height))
    parts = (*(Part("image", index=i) for i in range(len(media))), Part("text", TEXTS[seed % len(TEXTS)]))
    turns = (Turn("user", parts), *((Turn("assistant", (Part("text", reply),)),) if reply else ()))
    return Sample(f"s{seed}", "test", media=tuple(media), turns=turns)


def their_inputs(pair: Pair, root: Path, asked: Sample) -> Any:
    """What their processor makes of the same conversation."""
    pictures = [Image.open(root / media.uri).convert("RGB") for media in asked.media]
    content = [{"type": "image", "image": picture} for picture in pictures] + [{"type": "text", "text": asked.turns[0].text}]
    return pair.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True,
                                              tokenize=True, return_dict=True, return_tensors="pt")  # fmt: skip


def our_batch(pair: Pair, root: Path, asked: list[Sample]) -> Any:
    """Prompts packed into one batch."""
    return rows_to_batch([pair.codec.prompt(one, pair.cfg) for one in asked], pair.cfg, Store(root))


def worst(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference as a share of the largest value."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


def check_logits(pair: Pair, root: Path, asked: list[Sample], make_inputs: Any = their_inputs) -> float:
    """Ids equal; → worst difference of logits of all prompts in one packed batch."""
    batch = our_batch(pair, root, asked)
    output = pair.module(batch)
    ours, apart = output.stream.hidden @ output.head.T, 0.0
    borders = batch.cu_seqlens.tolist()
    with torch.no_grad():
        for number, one in enumerate(asked):
            inputs = make_inputs(pair, root, one)
            begin, end = borders[number : number + 2]
            assert batch.tokens[begin:end].tolist() == inputs["input_ids"][0].tolist()
            apart = max(apart, worst(ours[begin:end].detach(), pair.theirs(**inputs).logits[0]))
    return apart


def check_greedy(pair: Pair, root: Path, asked: list[Sample], num_tokens: int = 6, make_inputs: Any = their_inputs) -> None:
    """Greedy replies equal token by token, ours from one packed prefill and a cache."""
    ours = generate(pair.module, our_batch(pair, root, asked), Sampling(max_tokens=num_tokens), pair.codec)
    for one, reply in zip(asked, ours, strict=True):
        inputs = make_inputs(pair, root, one)
        theirs = pair.theirs.generate(**inputs, do_sample=False, max_new_tokens=num_tokens, eos_token_id=list(pair.codec.stop_ids),
                                      suppress_tokens=list(pair.codec.banned_ids), pad_token_id=0)  # fmt: skip
        assert list(reply.token_ids) == theirs[0, inputs["input_ids"].shape[1] :].tolist()


def check_gradients(pair: Pair, root: Path, asked: list[Sample], make_inputs: Any = their_inputs) -> float:
    """→ worst difference of gradients of one loss, of any tensor that a file holds, as a share of its largest."""
    batch = our_batch(pair, root, asked)
    output = pair.module(batch)
    ours = output.stream.hidden @ output.head.T
    theirs = torch.cat([pair.theirs(**make_inputs(pair, root, one)).logits[0] for one in asked])
    probe = torch.randn(ours.shape, generator=torch.Generator().manual_seed(0))
    for logits in (ours, theirs):
        (logits * probe).mean().backward()
    gradients = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in pair.theirs.named_parameters()}
    wanted = pair.names.from_theirs(gradients, where="gradients")
    # a bias of keys shifts all scores of a query alike: its gradient is zero but for rounding
    own = {name: p.grad for name, p in pair.module.named_parameters() if not name.endswith("key.bias")}
    assert all(grad is not None for grad in own.values()) and own.keys() <= wanted.keys()
    return max(worst(own[name], wanted[name]) for name in own if wanted[name].abs().max() > 1e-7)


def check_round_trip(pair: Pair, root: Path, asked: list[Sample], make_inputs: Any = their_inputs) -> float:
    """Export and import again: every bit the same, a second export too; → worst difference of logits in transformers."""
    export(pair.module, pair.codec, root / "export")
    source = open_source(root / "export")
    again = start_model(source.model, Weights(model=str(root / "export")), 0).eval()
    ours, back = stored_tensors(pair.module), stored_tensors(again)
    assert ours.keys() == back.keys() and all(torch.equal(ours[name], back[name]) for name in ours)
    export(again, source.model.text.fit((), root / "again-words"), root / "second")
    for file in ("config.json", "model.safetensors", "preprocessor_config.json", "processor_config.json", "chat_template.jinja"):
        assert (root / "export" / file).read_bytes() == (root / "second" / file).read_bytes(), file
    served, loading = type(pair.theirs).from_pretrained(root / "export", output_loading_info=True, attn_implementation="eager")
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    apart = 0.0
    with torch.no_grad():
        for one in asked:
            inputs = make_inputs(pair, root, one)
            apart = max(apart, worst(served.eval()(**inputs).logits, pair.theirs(**inputs).logits))
    return apart
