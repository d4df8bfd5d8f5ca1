"""MarkedTiles: Tiles with a text before and behind the tokens of the whole picture, as InternVL's <img> … </img>.

What transformers' `models/internvl/processing_internvl.py` and the `chat` of the released `modeling_internvl_chat.py` write around
a picture's slots, which no chat template of theirs does.
"""

from omma.core.config import config
from omma.media.views.tiles import Tiles
from omma.schema.view import Layout, Steps, TilePlan


@config
class MarkedTiles(Tiles):
    """`before` and `behind` are template text; special tokens in them count as such."""

    before: str = "<img>"
    behind: str = "</img>"

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        marked = (self.before, *super().layout(plan, grids), self.behind)
        return tuple(run for run in marked if not isinstance(run, str) or run)
