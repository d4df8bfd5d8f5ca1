"""Preview: a row as coloured text, so that a person sees what is learnt. Row → rich Text.

Supervised text is green, prompts plain, special tokens cyan (bold green where supervised), slots dim and folded.
"""

from itertools import groupby

from rich.text import Text

from omma.pack.codec import Codec
from omma.schema.row import Row

LEARNT, MARK, LEARNT_MARK, SLOTS = "green", "cyan", "bold green", "dim"


def preview(row: Row, codec: Codec) -> Text:
    """Row → text. A run of visual slots becomes `‹ × 256›` with the image token in front of the count."""
    specials = {number: token for token, (number, _) in codec.words.specials.items()}
    text = Text()
    ids, flags = row.token_ids.tolist(), row.supervised.tolist()
    runs = groupby(zip(ids, flags, strict=True), lambda pair: (specials.get(pair[0], ""), pair[1]))
    for (special, learnt), group in runs:
        members = [number for number, _ in group]
        if members[0] == codec.image_id:
            text.append(f"‹{special} × {len(members)}›", SLOTS)
        elif special:
            text.append(special * len(members), LEARNT_MARK if learnt else MARK)
        else:
            text.append(codec.decode(members), LEARNT if learnt else "")
    return text
