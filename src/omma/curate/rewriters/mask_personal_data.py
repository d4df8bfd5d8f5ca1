"""mask_personal_data: e-mail addresses, phone numbers, IP addresses and card numbers → `<email>`, `<phone>`, `<ip>`, `<card>`.

What is looked for, and what is not, stands in `operators/personal_data.py`, which drops such samples instead.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import Rewriter, Rewritten
from omma.curate.operators.personal_data import find, mask
from omma.curate.rewriting.wording import with_texts
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class MaskPersonalData(Rewriter):
    """Every text that anybody says: captions, turns, preferences, answers and labels. `meta`, which nobody reads, stays."""

    version: ClassVar[str] = "1"

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → the same with marks; the reason counts them by kind."""
        return [_masked(sample) for sample in samples]


def _masked(sample: Sample) -> Rewritten:
    found: dict[str, int] = {}

    def masked(text: str) -> str:
        for item in find(text):
            found[item.kind] = found.get(item.kind, 0) + 1
        return mask(text)

    changed = with_texts(sample, masked)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
    return Rewritten((changed,), reason=f"masked {counts}") if found else Rewritten((sample,))
