"""dialogue: all that is known of a picture → a conversation of several turns that a model makes of it (UniMM-Chat).

Muffin's UniMM-Chat (Yu et al. 2023, arXiv 2310.00653): annotations of one picture from several data sets, joined
(`merge_annotations`), are shown to a language model, which writes a dialogue that draws on what it knows as well.
The prompt is ours.
"""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.models.asking import Asked, AskingRewriter, Questions, check_prompt, filled, question
from omma.curate.models.replies import pairs
from omma.curate.operator import Rewritten
from omma.curate.rewriting.lineage import born
from omma.curate.rewriting.placing import placed
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Part, Region, Sample, Turn

PROMPT = """\
This is known of a picture (places are [left, top, right, bottom] in thousandths of its sides):

{facts}

Write a conversation of up to {count} questions and answers between a curious person and somebody who sees the picture. Use \
these facts, and what you know about the things in them; never say that you were told. Reply with JSON and nothing else:
[{"question": "…", "answer": "…"}, …]"""
SIDE = 1000


@config
class Dialogue(AskingRewriter):
    """Samples of one picture of which anything is known, but for preferences.

    The sample stays; the conversation is a child, without answers to check. Facts are the sample's captions, labelled regions
    and what was said in its turns. A reply that is not the JSON that was asked for is an error of the sample, as are a refusal, a
    cut reply and a failure.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "signature", "prompt", "count")
    sampling: Sampling = Sampling(max_tokens=2048)
    prompt: str = PROMPT
    count: int = 6

    def check(self) -> None:
        check_prompt("Dialogue.prompt", self.prompt, "facts", "count")
        if self.count < 1:
            raise ConfigError("Dialogue.count", str(self.count), "at least 1")

    def questions(self, sample: Sample, store: Store) -> Questions:
        """The prompt with the facts, without the picture."""
        known = facts(sample) if len(sample.media) == 1 and not sample.chosen else ()
        return (question(sample, self, 0, filled(self.prompt, facts="\n".join(known), count=str(self.count))),) if known else ()

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """The sample and the conversation."""
        turns: list[Turn] = []
        for pair in pairs(asked.replies[0])[: self.count]:
            turns += [Turn("user", (Part("text", pair.question),)), Turn("assistant", (Part("text", pair.answer),))]
        shown = Part(sample.media[0].kind, index=0)
        turns[0] = Turn("user", (shown, *turns[0].parts))
        meta = sample.meta | {"author": author}
        made = born(sample, self, 0, task="dialogue", captions=(), regions=(), turns=tuple(turns), answer=None, meta=meta)
        return Rewritten((sample, made), f"a dialogue of {len(turns) // 2} questions by {author}")


def facts(sample: Sample) -> tuple[str, ...]:
    """Sample → a line for each caption, labelled region, question and reply. DataError for a region that cannot be placed."""
    captions = [f"Caption: {' '.join(caption.text.split())}" for caption in sample.captions if caption.text.strip()]
    regions = [f"Object: {region.label.strip()} at {_place(region, sample)}" for region in sample.regions if region.label.strip()]
    names = {"user": "Question", "assistant": "Answer"}
    turns = [f"{names[turn.role]}: {text}" for turn in sample.turns if turn.role in names and (text := _words(turn, sample))]
    return (*captions, *regions, *turns)


def _words(turn: Turn, sample: Sample) -> str:
    missing = [part.index for part in turn.parts if part.kind == "region" and not 0 <= part.index < len(sample.regions)]
    if missing:
        raise DataError(sample.id, f"region {missing[0]} in a turn", f"one of its {len(sample.regions)} regions, from 0 on")
    said = [_place(sample.regions[p.index], sample) if p.kind == "region" else p.text for p in turn.parts]
    return " ".join(" ".join(said).split())


def _place(region: Region, sample: Sample) -> str:
    x0, y0, x1, y1 = placed(region, sample)
    media = sample.media[region.media]
    sides = (media.width, media.height, media.width, media.height)
    return str([round(SIDE * value / side) for value, side in zip((x0, y0, x1, y1), sides, strict=True)])
