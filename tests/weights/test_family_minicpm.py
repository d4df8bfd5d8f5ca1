"""MiniCPM-V by its released tensor names: the logits of SigLIP with bucketed positions, resampler and language model by hand.

There is no class in transformers. Tower and language models are its classes, the resampler is torch's MultiheadAttention, joined as
the released `modeling_minicpmv.py` and `resampler.py` say; slices are cut as OpenBMB/MiniCPM-V `finetune/dataset.py` cuts them.
"""

import json

import numpy as np
import pytest
import torch
from draws import Draw
from llava_folders import our_batch, sample, spread, tokenizer, worst
from safetensors.torch import save_file
from torch import nn
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig, SiglipVisionModel

from omma.core.errors import CheckpointError
from omma.nn.grids import on_host
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

# fp32, as a share of the largest logit. Worst case measured over all draws: 7.1e-6.
TOLERANCE = 2e-5
WIDTH, PATCH = 128, 4  # heads of the resampler are 128 wide
DRAWS = {seed: Draw(100 + seed).one("version", 2.5, 2.6) for seed in range(8)}
MARKS = ["<image>", "</image>", "<slice>", "</slice>", "<image_id>", "</image_id>"]


class Whole(nn.Module):
    """The released model, from parts."""

    def __init__(self, tower, language, width, queries):
        super().__init__()
        self.vpm, self.llm = tower, language
        self.query, self.proj = nn.Parameter(torch.randn(queries, WIDTH)), nn.Parameter(torch.randn(WIDTH, WIDTH))
        self.kv_proj = nn.Linear(width, WIDTH, bias=False)
        self.attn = nn.MultiheadAttention(WIDTH, WIDTH // 128, batch_first=True)
        self.ln_q, self.ln_kv, self.ln_post = (nn.LayerNorm(WIDTH, eps=1e-6) for _ in range(3))

    def tile(self, pixels):
        """Pixels (3, h, w) of one tile → its tokens."""
        conv = self.vpm.embeddings.patch_embedding(pixels[None])
        rows, columns = conv.shape[2:]
        side = self.vpm.config.image_size // PATCH
        edges = torch.arange(1 / side, 1.0, 1 / side)
        down, right = (torch.bucketize(torch.arange(0, 1 - 1e-6, 1 / n), edges, right=True) for n in (rows, columns))
        places = (down[:, None] * side + right).flatten()
        hidden = conv.flatten(2).transpose(1, 2) + self.vpm.embeddings.position_embedding(places)
        hidden = self.vpm.post_layernorm(self.vpm.encoder(inputs_embeds=hidden).last_hidden_state)
        read = self.ln_kv(self.kv_proj(hidden))
        out = self.attn(self.ln_q(self.query)[None], read + waves(rows, columns), read)[0]
        return self.ln_post(out)[0] @ self.proj


def waves(rows, columns):
    """Sines and cosines of the column, then of the row."""
    omega = 10_000.0 ** -(np.arange(WIDTH // 4) / (WIDTH // 4))
    row, column = np.indices((rows, columns)).reshape(2, -1)
    parts = [wave(axis[:, None] * omega) for axis in (column, row) for wave in (np.sin, np.cos)]
    return torch.from_numpy(np.concatenate(parts, axis=1)).float()


def minicpm(seed, folder):
    version, rng = DRAWS[seed], np.random.default_rng(seed)
    words = tokenizer("qwen2" if version == 2.6 else "llama")
    headers = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"] if version == 2.5 else []
    words.add_special_tokens({"additional_special_tokens": [*MARKS, "<unk>", *headers]})
    heads, depth, queries = int(rng.choice([1, 2])), int(rng.integers(1, 3)), int(rng.integers(1, 6))
    drops = bool(rng.integers(2))
    vision = dict(hidden_size=8 * heads, num_attention_heads=heads, intermediate_size=20, num_hidden_layers=depth,
                  image_size=PATCH * int(rng.integers(6, 12)), patch_size=PATCH, vision_use_head=False)  # fmt: skip
    text = dict(hidden_size=WIDTH, intermediate_size=24, num_hidden_layers=int(rng.integers(1, 3)), num_attention_heads=4,
                num_key_value_heads=int(rng.choice([2, 4])), vocab_size=len(words), max_position_embeddings=4096,
                rms_norm_eps=1e-6, tie_word_embeddings=False)  # fmt: skip
    language = Qwen2ForCausalLM(Qwen2Config(**text)) if version == 2.6 else LlamaForCausalLM(LlamaConfig(**text))
    whole = Whole(SiglipVisionModel(SiglipVisionConfig(**vision)), language, 8 * heads, queries)
    spread(whole, seed)
    own = {(name if name.startswith(("vpm", "llm")) else f"resampler.{name}"): t.detach() for name, t in whole.named_parameters()}
    told = {"version": version} if version == 2.6 else {}
    config = {**text, **told, "model_type": "minicpmv", "architectures": ["MiniCPMV"], "query_num": queries,
              "vision_config": vision | {"model_type": "siglip_vision_model", "num_hidden_layers": depth + drops},
              "drop_vision_last_layer": drops, "slice_mode": True, "hidden_act": "silu",
              "slice_config": {"max_slice_nums": int(rng.integers(2, 10)), "scale_resolution": 16}}  # fmt: skip
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    words.save_pretrained(folder)
    save_file({name: tensor.clone().contiguous() for name, tensor in own.items()}, folder / "model.safetensors")
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    return whole.eval(), module, source.model.text.fit((), folder / "omma-words"), words, queries


def their_text(plans, queries, version):
    """Placeholders of pictures as the released processors write them."""
    image, out = "<image>" + "<unk>" * queries + "</image>", ""
    for number, plan in enumerate(plans):
        tiles = len(plan.tiles) - 1
        columns = plan.canvases[plan.main].width // plan.tiles[-1].width if tiles else 0
        out += f"<image_id>{number}</image_id>" if version == 2.6 else ""
        one = image.replace("image>", "slice>") if version == 2.6 else image
        lines = "\n".join(one * columns for _ in range(tiles // columns)) if tiles else ""
        out += image + (lines if version == 2.6 or not tiles else f"<slice>{lines}</slice>") + "\n"
    return out


def asked(root):
    sizes = [(50, 30)], [(20, 61), (9, 9)], [], [(90, 14)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


@pytest.mark.parametrize("seed", DRAWS)
def test_released_tensors_give_the_logits_of_the_parts_put_together(seed, tmp_path):
    whole, module, codec, words, queries = minicpm(seed, tmp_path / "released")
    batch = our_batch(type("Opened", (), {"codec": codec, "cfg": module.cfg}), tmp_path, asked(tmp_path))
    output = module(batch)
    ours, borders = output.stream.hidden @ output.head.T, batch.cu_seqlens.tolist()
    tiles = []
    patches = (batch.pictures.patches.float() / 255 - 0.5) / 0.5
    for (_, rows, columns), own in zip(
        on_host(batch.pictures.grids), patches.split([r * c for _, r, c in on_host(batch.pictures.grids)]), strict=True
    ):
        tiles.append(own.view(rows, columns, 3, PATCH, PATCH).permute(2, 0, 3, 1, 4).reshape(3, rows * PATCH, columns * PATCH))
    with torch.no_grad():
        seen, at = [whole.tile(pixels) for pixels in tiles], 0
        for one, begin, end in zip(asked(tmp_path), borders, borders[1:], strict=False):
            plans = [module.cfg.plan(media.width, media.height) for media in one.media]
            count = sum(len(plan.tiles) for plan in plans)
            text = their_text(plans, queries, DRAWS[seed]) + one.turns[0].text
            if DRAWS[seed] == 2.6:
                text = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")  # fmt: skip
            else:
                head = "<|start_header_id|>{}<|end_header_id|>\n\n"
                text = f"<s>{head.format('user')}{text}<|eot_id|>{head.format('assistant')}"
            ids = words(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
            assert batch.tokens[begin:end].tolist() == ids[0].tolist()
            hidden = whole.llm.get_input_embeddings()(ids)
            if count:
                slot = (ids == words.convert_tokens_to_ids("<unk>"))[..., None]
                hidden = hidden.masked_scatter(slot, torch.cat(seen[at : at + count]))
            at += count
            assert worst(ours[begin:end].detach(), whole.llm(inputs_embeds=hidden).logits[0]) <= TOLERANCE


def test_other_versions_are_refused(tmp_path):
    minicpm(0, tmp_path / "released")
    stored = tmp_path / "released" / "config.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {"version": 4.5}))
    with pytest.raises(CheckpointError, match=r"version 4.5"):
        open_source(tmp_path / "released")
