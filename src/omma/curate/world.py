"""World: numbers → a folder of drawn pictures with texts, for recipes that need no download."""

from pathlib import Path

from omma.core.config import Config, config


@config
class World(Config):
    """Something that can be drawn. `folder` is where, relative to the data root; readers of the recipe name files in it."""

    folder: str = "world"

    def draw(self, root: Path) -> None:
        """Write pictures and annotations below `root/folder`. The same config draws the same bytes."""
        raise NotImplementedError(f"{type(self).__name__} has no draw")
