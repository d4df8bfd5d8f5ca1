"""Generation through the cache against the same model without one, alone and in company."""

import numpy as np
import pytest
import torch

from omma.core.errors import DataError, ShapeError
from omma.generate.cache import GROWTH, Cache, DecodeAttend
from omma.generate.engine import generate, prefill, steps, stream
from omma.generate.sampling import Sampling
from omma.schema.batch import Stream

SAMPLED = Sampling(temperature=1.2, top_p=0.9, max_tokens=12, seed=5)


def names(prompts):
    return [prompt.name for prompt in prompts]


def uncached_logits(module, toolbox, prompt, following):
    """Logits behind the prompt and behind each following token, from one forward pass without a cache."""
    batch = toolbox.pack([prompt], {prompt.name: following})
    with torch.no_grad():
        return module(batch).logits(torch.arange(prompt.length - 1, prompt.length + len(following)))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_cached_logits_equal_uncached_ones(toolbox, kv_heads):
    """Teacher-forced through the cache: measured worst case 2.7e-6 over these prompts."""
    module, prompts, length = toolbox.build(seed=kv_heads, kv_heads=kv_heads), toolbox.mixed, GROWTH + 9
    following = torch.randint(0, toolbox.vocab, (len(prompts), length), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache, logits, _ = prefill(module, toolbox.pack(prompts))
        seen = [logits]
        for index in range(length):
            cache.open()
            positions = torch.tensor([[prompt.length + index] for prompt in prompts])
            zeros = torch.zeros(len(prompts), dtype=torch.long)
            borders = torch.arange(len(prompts) + 1)
            tokens = Stream(module.language.embed(following[:, index]), positions, borders, zeros, borders[:-1])
            seen.append(module.language(tokens, DecodeAttend(cache)).hidden @ module.language.head.T)
    cached = torch.stack(seen, dim=1)
    for row, prompt in enumerate(prompts):
        expected = uncached_logits(module, toolbox, prompt, following[row].tolist())
        assert torch.allclose(cached[row], expected, atol=1e-5, rtol=1e-5), prompt


def test_greedy_text_is_the_argmax_of_fresh_forwards(module, toolbox):
    results = generate(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=10), toolbox.LetterWords())
    assert len({result.token_ids for result in results}) == len(results), "prompts should differ in what follows"
    for prompt, result in zip(toolbox.mixed, results, strict=True):
        logits = uncached_logits(module, toolbox, prompt, result.token_ids)[:-1]
        assert logits.argmax(dim=-1).tolist() == list(result.token_ids)
        assert result.finish == "length"


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=9), SAMPLED], ids=["greedy", "sampled"])
def test_logprobs_equal_those_of_a_fresh_forward(module, toolbox, sampling):
    banned = (3, 4)
    for prompt, result in zip(
        toolbox.mixed, generate(module, toolbox.pack(toolbox.mixed), sampling, toolbox.LetterWords((), banned)), strict=True
    ):
        logprobs = uncached_logits(module, toolbox, prompt, result.token_ids)[:-1].log_softmax(dim=-1)
        expected = logprobs.gather(1, torch.tensor(result.token_ids)[:, None]).squeeze(1)
        assert np.allclose(result.logprobs, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=12), SAMPLED], ids=["greedy", "sampled"])
def test_a_row_says_the_same_alone_and_in_any_company(module, toolbox, sampling):
    words = toolbox.LetterWords(stop_ids=(7, 19, 33))
    together = dict(zip(names(toolbox.mixed), generate(module, toolbox.pack(toolbox.mixed), sampling, words), strict=True))
    backwards = toolbox.mixed[::-1]
    reverse = dict(zip(names(backwards), generate(module, toolbox.pack(backwards), sampling, words), strict=True))
    for prompt in toolbox.mixed:
        (alone,) = generate(module, toolbox.pack([prompt]), sampling, words)
        assert alone.token_ids == together[prompt.name].token_ids == reverse[prompt.name].token_ids


def test_rows_that_stop_leave_the_batch(module, toolbox):
    free = generate(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=10), toolbox.LetterWords())
    stop_id = free[1].token_ids[3]
    assert free[1].token_ids.index(stop_id) == 3
    widths = []
    original = module.language.forward
    module.language.forward = lambda tokens, attend, between=None: (
        widths.append(len(tokens.hidden)),
        original(tokens, attend, between),
    )[1]
    try:
        stopped = generate(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=10), toolbox.LetterWords(stop_ids=(stop_id,)))
    finally:
        del module.language.forward
    for before, after in zip(free, stopped, strict=True):
        length = before.token_ids.index(stop_id) + 1 if stop_id in before.token_ids else 10
        assert after.token_ids == before.token_ids[:length]
        assert after.finish == ("stop" if stop_id in before.token_ids else "length")
        assert after.text == toolbox.LetterWords().decode([i for i in after.token_ids if i != stop_id])
    lengths = [len(result.token_ids) for result in stopped]
    assert min(lengths) < 10
    assert widths[1:] == [sum(length > step for length in lengths) for step in range(1, max(lengths))]


def test_stop_texts_end_a_reply_across_token_borders(module, toolbox):
    words, batch = toolbox.LetterWords(), toolbox.pack(toolbox.mixed)
    free = generate(module, batch, Sampling(max_tokens=10), words)
    stop = free[1].text[3:6]
    (result,) = [r for r in generate(module, batch, Sampling(max_tokens=10, stop=(stop, "zzz")), words) if r.finish == "stop"]
    assert result.text == free[1].text[:3]
    assert result.token_ids == free[1].token_ids[:6]
    assert len(result.logprobs) == 6


def test_banned_ids_never_appear(module, toolbox):
    batch = toolbox.pack(toolbox.mixed)
    free = generate(module, batch, Sampling(max_tokens=10), toolbox.LetterWords())
    banned = tuple({result.token_ids[0] for result in free})
    for sampling in (Sampling(max_tokens=10), Sampling(temperature=50.0, max_tokens=60)):
        said = generate(module, batch, sampling, toolbox.LetterWords(banned_ids=banned))
        assert not {i for result in said for i in result.token_ids} & set(banned)
    everything_else = tuple(i for i in range(toolbox.vocab) if i != 8)
    (only,) = generate(module, toolbox.pack(toolbox.mixed[:1]), SAMPLED, toolbox.LetterWords(banned_ids=everything_else))
    assert set(only.token_ids) == {8}


def test_seeds_change_what_is_drawn(module, toolbox):
    batch, words = toolbox.pack(toolbox.mixed), toolbox.LetterWords()
    first, again = (generate(module, batch, SAMPLED, words) for _ in range(2))
    other = generate(module, batch, Sampling(temperature=1.2, top_p=0.9, max_tokens=12, seed=6), words)
    assert first == again
    assert all(a.token_ids != b.token_ids for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("stop", [(), ("QX", "W")])
def test_streamed_pieces_join_to_the_answer(module, toolbox, stop):
    for sampling in (Sampling(max_tokens=15, stop=stop), Sampling(temperature=1.5, max_tokens=40, stop=stop)):
        for prompt in toolbox.mixed:
            words = toolbox.LetterWords(stop_ids=(11,))
            (whole,) = generate(module, toolbox.pack([prompt]), sampling, words)
            assert "".join(stream(module, toolbox.pack([prompt]), sampling, words)) == whole.text


def test_tokens_come_one_step_at_a_time(module, toolbox):
    first = next(steps(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=500), toolbox.LetterWords(), []))
    assert [token.row for token in first] == list(range(len(toolbox.mixed)))


def test_generating_leaves_no_trace_in_training(module, toolbox):
    """Index tensors that parts keep by picture grid must stay usable under autograd."""
    batch = toolbox.pack([toolbox.Prompt("once", 30, (5, 5))])
    generate(module, batch, Sampling(max_tokens=2), toolbox.LetterWords())
    module(batch).logits(torch.tensor([3])).sum().backward()
    module.zero_grad()


def test_generating_leaves_the_weights_where_they_were(module, toolbox):
    before = {name: (p.data_ptr(), p.stride(), p.clone()) for name, p in module.named_parameters()}
    generate(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=9), toolbox.LetterWords())
    with pytest.raises(DataError):
        generate(module, toolbox.pack([toolbox.Prompt("nothing", 0)]), Sampling(), toolbox.LetterWords())
    for name, p in module.named_parameters():
        pointer, stride, values = before[name]
        assert (p.data_ptr(), p.stride()) == (pointer, stride)
        assert torch.equal(p, values)


def test_no_gradient_mode_leaks_between_steps(module, toolbox):
    loop = steps(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=3), toolbox.LetterWords(), [])
    for _ in loop:
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_positions_continue_behind_the_largest_of_the_row(module, toolbox):
    """A prompt whose ids jump (as those of a picture under M-RoPE do) goes on behind its largest, not behind its length."""
    batch = toolbox.pack(toolbox.mixed[:1])
    batch.positions[:] = torch.arange(9)[:, None].clamp(max=6) * 2
    seen = []
    original = module.language.forward
    module.language.forward = lambda tokens, attend, between=None: (
        seen.append(tokens.positions),
        original(tokens, attend, between),
    )[1]
    try:
        generate(module, batch, Sampling(max_tokens=3), toolbox.LetterWords())
    finally:
        del module.language.forward
    assert [positions.tolist() for positions in seen[1:]] == [[[13]], [[14]]]


def test_a_prompt_without_tokens_is_refused(module, toolbox):
    with pytest.raises(DataError, match=r"generate.nothing: a prompt without tokens; expected at least one"):
        generate(module, toolbox.pack([toolbox.Prompt("nothing", 0)]), Sampling(), toolbox.LetterWords())


def test_weights_that_diverged_are_told(toolbox):
    broken = toolbox.build(seed=4)
    with torch.no_grad():
        broken.language.norm.weight.fill_(float("nan"))
    with pytest.raises(DataError, match="not numbers in row 0.*take an earlier checkpoint"):
        generate(broken, toolbox.pack(toolbox.mixed), Sampling(), toolbox.LetterWords())


def test_cache_refuses_tokens_of_other_prompts():
    with pytest.raises(ShapeError, match=r"generate.cache: 4 tokens in layer 0; expected 5"):
        Cache([2, 3], num_layers=1).fill(0, torch.zeros(4, 1, 8), torch.zeros(4, 1, 8))


def test_cache_frees_the_rows_that_are_done():
    cache = Cache([2, 3, 1], num_layers=1)
    k = torch.arange(6.0)[:, None, None].expand(6, 2, 4)
    cache.fill(0, k, k)
    cache.keep(torch.tensor([2, 1]))
    cache.open()
    keys, _ = cache.append(0, torch.full((2, 2, 4), 9.0), torch.full((2, 2, 4), 9.0))
    assert keys[:, 0, :, 0].tolist() == [[5.0, 0.0, 0.0, 9.0], [2.0, 3.0, 4.0, 9.0]]
    assert cache.mask(torch.float32)[:, 0, 0].isinf().tolist() == [[False, True, True, False], [False] * 4]


def test_cache_without_gaps_needs_no_mask():
    cache = Cache([3, 3], num_layers=1)
    cache.fill(0, torch.zeros(6, 1, 8), torch.zeros(6, 1, 8))
    assert cache.mask(torch.float32) is None
