"""The language model of Qwen3-VL-MoE (`text_config`): Qwen3-MoE with interleaved sections, a layer's experts in two tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_names, decoder_to, only
from omma.weights.family import Family
from omma.weights.maps import qwen3_moe
from omma.weights.names import Form, Names, Pair

MODEL_TYPE = "qwen3_vl_moe_text"


@dataclass(frozen=True, slots=True)
class Side(Form):
    """Matrices of `num` experts along a first axis, in each `parts` one under the other, `rows` × `columns` in all.

    A released file holds them turned on their side, (num, columns, rows), which is what is written; one that transformers
    5 wrote holds (num, rows, columns), and so does either way of a square, since nobody could tell.
    """

    num: int
    parts: int
    rows: int
    columns: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → matrices, those of one expert behind one another."""
        whole = theirs if tuple(theirs.shape) == (self.num, self.rows, self.columns) else theirs.transpose(1, 2)
        return tuple(part for expert in whole.unbind() for part in expert.chunk(self.parts))

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        experts = [torch.cat(list(ours[i : i + self.parts])) for i in range(0, len(ours), self.parts)]
        whole = torch.stack(experts)
        return whole if self.rows == self.columns else whole.transpose(1, 2).contiguous()


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """text_config → Decoder. CheckpointError for variants that the decoder does not cover. The weights of the chosen sum to 1."""
    return qwen3_moe.config_from({**theirs, "norm_topk_prob": True})


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → text_config. CheckpointError for a decoder of another shape than this family's."""
    if cfg.experts is None or not cfg.experts.renormalise or not cfg.interleaved:
        got = f"experts={cfg.experts!r}, interleaved={cfg.interleaved}"
        raise CheckpointError(MODEL_TYPE, got, "experts whose weights sum to 1, interleaved sections")
    sections = cfg.sections or (0, 0, 0)
    bias = cfg.output_bias
    only(cfg, MODEL_TYPE, qk_norm="rms", qkv_bias=bias, output_bias=bias, experts=cfg.experts, sections=sections, interleaved=True)
    plain = qwen3_moe.config_to(replace(cfg, sections=(), interleaved=False), vocab_size)
    return plain | decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen3VLMoeTextModel", vocab_size=vocab_size)


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    assert cfg.experts is not None
    experts, own = cfg.experts, decoder_names(cfg)
    pairs = [pair for pair in own.pairs if ".mlp.experts." not in pair.ours]
    both = Side(experts.num, 2, 2 * experts.width, cfg.width)
    down = Side(experts.num, 1, cfg.width, experts.width)
    for layer in (i for i in range(cfg.depth) if i not in experts.dense_layers):
        ours, theirs = f"blocks.{layer}.mlp.experts.", f"model.layers.{layer}.mlp.experts."
        for expert in range(experts.num):
            pairs += [
                Pair(f"{ours}{expert}.gate.weight", f"{theirs}gate_up_proj", both, 2 * expert),
                Pair(f"{ours}{expert}.up.weight", f"{theirs}gate_up_proj", both, 2 * expert + 1),
                Pair(f"{ours}{expert}.down.weight", f"{theirs}down_proj", down, expert),
            ]
    return replace(own, pairs=tuple(pairs))


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen3VLMoeTextModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
