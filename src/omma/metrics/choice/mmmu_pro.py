"""MMMU-Pro: a reply, direct or after reasoning, to a question with up to ten options → the letter it takes."""

from omma.core.config import config
from omma.metrics.choice.choice import Choice, lettered
from omma.metrics.choice.mmmu import loose_letter
from omma.metrics.metric import Facts

CUE = "Answer:"


def pro_letter(reply: str, choices: list[str] | tuple[str, ...]) -> str | None:
    """Reply → the only option letter behind the last "Answer:", else what MMMU's looser reading finds in all of it.

    Letters count wherever they stand behind the cue, within words too, so "Answer: B" is read and "Answer: Both" is B.
    """
    _, cue, tail = reply.rpartition(CUE)
    found = [letter for letter in lettered(choices) if letter in tail] if cue else []
    return found[0] if len(found) == 1 else loose_letter(reply, choices)


@config
class MmmuPro(Choice):
    """Accuracy; the same rule for its sets "vision" and "standard" and for direct and reasoned replies.

    Facts: `choices`. The script draws at random, without a seed, where it finds no option; such a reply is unparsed and
    wrong here. So GPT-4o's published answers score 725, 866, 694 and 952 of 1,730, where the script prints more, and
    another number each time.
    """

    source = "MMMU-Benchmark/MMMU mmmu-pro/evaluate.py"
    ties = "of several options that a reply names, the one named last counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        return pro_letter(raw, facts["choices"])
