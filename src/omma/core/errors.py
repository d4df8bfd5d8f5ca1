"""The errors a person sees: where it happened, what was got, what was expected, the way out."""


class OmmaError(Exception):
    """A user's mistake or a broken input. The command line prints it without a traceback.

    `where` names the place (`model.connector.depth`, `shard-3.tar:cat.jpg`), `got` what stands there,
    `expected` what should stand there and `fix` the way out; the last two may be empty when `got` says it all.
    """

    def __init__(self, where: str, got: str, expected: str = "", fix: str = "") -> None:
        self.where, self.got, self.expected, self.fix = where, got, expected, fix
        parts = [got, f"expected {expected}" if expected else "", fix]
        super().__init__(f"{where}: " + "; ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[type["OmmaError"], tuple[str, str, str, str]]:
        # Exceptions rebuild from their message alone, which loses the four parts on the way out of a worker process.
        return type(self), (self.where, self.got, self.expected, self.fix)


class ConfigError(OmmaError):
    """A recipe, an override or a command line that does not fit."""


class DataError(OmmaError):
    """A sample, a file of samples or a picture that cannot be used."""


class ShapeError(OmmaError):
    """Two parts that disagree on a size; the message holds both numbers."""


class CheckpointError(OmmaError):
    """A checkpoint or a run folder that cannot be written, read or continued."""
