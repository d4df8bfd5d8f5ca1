"""Contrastive losses: those of transformers' CLIPModel and SiglipModel, value and gradients, and cases by hand."""

import math

import pytest
import torch
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from omma.core.errors import ConfigError, ShapeError
from omma.model.similarity import Scaled, Shifted
from omma.nn.init import init
from omma.objective.contrastive import InfoNce, Sigmoid

# fp32: largest difference of a loss or gradient measured over three seeds 5e-7.
NEAR = 2e-6
TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT = {**TOWER, "vocab_size": 40, "max_position_embeddings": 12}
SEEN = {**TOWER, "image_size": 16, "patch_size": 8}


def theirs(kind, seed):
    """Their model, its loss over five pairs, and the gradients of temperature (and bias) with the vectors that it compared."""
    torch.manual_seed(seed)
    if kind == "clip":
        ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        model = CLIPModel(CLIPConfig(text_config={**TEXT, **ends}, vision_config=SEEN, projection_dim=8))
    else:
        model = SiglipModel(SiglipConfig(text_config={**TEXT, "projection_size": 16}, vision_config=SEEN))
        with torch.no_grad():
            model.logit_scale.fill_(math.log(10.0))
            model.logit_bias.fill_(-3.0)
    words = torch.randint(2, 40, (5, 12))
    words[:, -1] = 1
    output = model(input_ids=words, pixel_values=torch.randn(5, 3, 16, 16), return_loss=True)
    output.image_embeds.retain_grad()
    output.text_embeds.retain_grad()
    output.loss.backward()
    return model, output


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_loss_and_gradients_are_those_of_transformers(kind, seed):
    model, output = theirs(kind, seed)
    scale = float(model.logit_scale.detach().exp())
    cfg = Scaled(start=scale) if kind == "clip" else Shifted(start=scale, bias=-3.0)
    similarity, objective = init(cfg.build(), 0), InfoNce() if kind == "clip" else Sigmoid()
    seen, read = (one.detach().clone().requires_grad_() for one in (output.image_embeds, output.text_embeds))
    loss = objective(similarity(seen @ read.T))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(output.loss.detach()), abs=NEAR)
    assert (seen.grad - output.image_embeds.grad).abs().max() < NEAR
    assert (read.grad - output.text_embeds.grad).abs().max() < NEAR
    assert abs(similarity.log_scale.grad - model.logit_scale.grad) < NEAR
    if kind == "siglip":
        assert abs(similarity.bias.grad - model.logit_bias.grad) < NEAR
    assert seen.grad.abs().max() > 1e-3


def test_two_pairs_by_hand():
    """Ours: logits [[a, b], [c, d]]. InfoNCE is the mean of four log(1 + exp(other − own)), Sigmoid a sum of four over 2."""
    logits = torch.tensor([[2.0, 0.5], [-1.0, 1.0]])
    soft = [math.log1p(math.exp(x)) for x in (0.5 - 2.0, -1.0 - 1.0, -1.0 - 2.0, 0.5 - 1.0)]
    assert float(InfoNce()(logits)) == pytest.approx(sum(soft) / 4, abs=1e-6)
    by_hand = sum(math.log1p(math.exp(x)) for x in (-2.0, 0.5, -1.0, -1.0)) / 2
    assert float(Sigmoid()(logits)) == pytest.approx(by_hand, abs=1e-6)


def test_without_knowledge_info_nce_is_the_logarithm_of_the_batch():
    assert float(InfoNce()(torch.zeros(7, 7))) == pytest.approx(math.log(7), abs=1e-6)


def test_the_order_of_pairs_changes_nothing():
    torch.manual_seed(0)
    vectors = normalize(torch.randn(2, 6, 4), dim=-1)
    order = torch.randperm(6)
    for objective in (InfoNce(), Sigmoid()):
        whole = objective(5 * vectors[0] @ vectors[1].T)
        assert abs(float(objective(5 * vectors[0] @ vectors[1].roll(1, 0).T)) - float(whole)) > 1e-3
        assert float(objective(5 * vectors[0][order] @ vectors[1][order].T)) == pytest.approx(float(whole), abs=NEAR)


def test_a_scale_starts_as_published_and_is_held_below_its_bound():
    clip, siglip = init(Scaled().build(), 0), init(Shifted().build(), 0)
    assert float(clip.log_scale.detach()) == pytest.approx(math.log(1 / 0.07))
    assert (float(siglip.log_scale.detach()), float(siglip.bias.detach())) == pytest.approx((math.log(10.0), -10.0))
    for module, held in ((clip, math.log(100.0)), (siglip, 9.0)):
        with torch.no_grad():
            module.log_scale.fill_(9.0)
        module.bound()
        assert float(module.log_scale.detach()) == pytest.approx(held)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ShapeError, match=r"objective\.InfoNce: logits of shape \(2, 3\); expected \(N, N\)"):
        InfoNce()(torch.zeros(2, 3))
    with pytest.raises(ConfigError, match=r"Scaled\.start: 200"):
        Scaled(start=200.0)
