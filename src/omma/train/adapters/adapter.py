"""Adapter: what of a model moves in a stage: whole tensors, or small matrices beside frozen ones. Module → Fitted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from omma.core.config import Config, config
from omma.train.checkpoint import copy_weights


class Fitted:
    """A module made ready for a stage: `trained` are the parameters that move, by name. This one trains whole tensors."""

    def __init__(self, module: nn.Module, trained: dict[str, nn.Parameter]) -> None:
        self.module, self.trained = module, trained

    @contextmanager
    def plain(self) -> Iterator[nn.Module]:
        """Inside, the module's tensors are those of the model alone, with whatever was fitted merged into them."""
        yield self.module

    def save(self, folder: Path) -> None:
        """Write into a checkpoint folder what `plain` weights do not hold."""

    def restore(self, folder: Path) -> None:
        """Go to where a checkpoint folder stands. CheckpointError if it belongs to another model."""
        copy_weights(folder, self.module)

    def settle(self) -> None:
        """End of the stage: the module becomes the plain model for good."""


@config
class Adapter(Config):
    """How a stage's weights move."""

    @property
    def needs_trains(self) -> bool:
        """Whether a stage without any pattern in `trains` would train nothing."""
        return True

    def hold(self, module: nn.Module, trains: tuple[str, ...], *, where: str) -> Mapping[str, Callable[[nn.Linear], nn.Module]]:
        """Module on meta → the linear maps that `fit` would keep in fewer bits, each with what makes it so: for loading."""
        return {}

    def fit(self, module: nn.Module, trains: tuple[str, ...], *, where: str, seed: int) -> Fitted:
        """Freeze all but what `trains` (globs over parameter names) and this adapter let move; a module on meta will do.

        ConfigError naming `where` for a glob that matches nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} has no fit")
