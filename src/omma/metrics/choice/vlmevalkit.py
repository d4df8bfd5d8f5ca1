"""VLMEvalKit's reading of any lettered question without a judge: reply + options → letter, Z for a refusal, or nothing.

Source: open-compass/VLMEvalKit at e8e78f0, `vlmeval/utils/matching_util.py` (can_infer) and
`vlmeval/dataset/utils/multiple_choice.py` under its policy "exact_matching".
"""

import re
from collections.abc import Mapping

from omma.core.config import config
from omma.metrics.choice.choice import Choice, lettered
from omma.metrics.metric import Facts

FAILED = "Failed to obtain answer via API"
REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
REFUSED = "Z"
BLANKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
TAIL = 5  # a letter counts in the last four words only: its place must be beyond the number of words less this
SAID = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)


def infer(reply: str, options: Mapping[str, str]) -> str | None:
    """Reply + letter: text → the letter by `infer_option`, else by `infer_text`, else None."""
    return infer_option(reply, options) or infer_text(reply, options)


def infer_option(reply: str, options: Mapping[str, str]) -> str | None:
    """Reply → the one option letter that stands as a word of its own near the end, or behind "answer is"; else None.

    Words are split at white space and at any of .()[],:;!*#{}. "Z" for one of four refusals and for a lone Z.
    """
    if FAILED in reply:
        return None
    if any(refusal in reply for refusal in REFUSALS):
        return REFUSED
    words = reply.translate(BLANKS).split()
    found = [letter for letter in options if letter in words]
    if len(found) == 1 and words.index(found[0]) > len(words) - TAIL:
        return found[0]
    if not found and REFUSED in words:
        return REFUSED
    match = SAID.search(reply)
    return match[1].upper() if match and match[1].upper() in options else None


def infer_text(reply: str, options: Mapping[str, str]) -> str | None:
    """Reply → the only option whose text it contains (case ignored), unless it is over twice as long as all options."""
    lowered = reply.lower()
    if len(lowered) > 2 * sum(map(len, options.values())):
        return None
    found = [letter for letter, text in options.items() if text.lower() in lowered]
    return found[0] if len(found) == 1 else None


@config
class VlmEvalKitChoice(Choice):
    """Any of VLMEvalKit's image questions with letters: AI2D, BLINK, MMStar, RealWorldQA, ScienceQA, SEED-Bench images, …

    Facts: `choices`. Nothing inferred is unparsed; a refusal (Z) is parsed and wrong. Where a judge is set, VLMEvalKit
    asks it and then guesses at random; neither happens here, as neither does under its own "exact_matching".
    """

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/multiple_choice.py"
    ties = "two option letters as words, or two option texts contained: unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, Z, or None."""
        return infer(raw, lettered(facts["choices"]))
