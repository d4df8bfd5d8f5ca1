"""Patterns: globs over parameter names → names, refusing a pattern that matches nothing with the nearest names there are."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from omma.core.errors import ConfigError


def resolve(patterns: Iterable[str], names: Iterable[str], *, where: str, what: str = "parameter") -> tuple[str, ...]:
    """Globs + all names → the names that any glob matches, in the order of names. `*` crosses dots.

    ConfigError naming `where` if a glob matches nothing (`what` the names are of): a typo must not freeze or speed up the
    wrong part silently.
    """
    names, patterns = list(names), list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                where, f"pattern {pattern!r} matches no {what}", f"a glob over {what} names", _nearest(pattern, names)
            )
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def _nearest(pattern: str, names: list[str]) -> str:
    stems = dict.fromkeys(
        f"{'.'.join(name.split('.')[:depth])}.*" for depth in (1, 2) for name in names if name.count(".") >= depth
    )
    near = difflib.get_close_matches(pattern, [*stems, *names], n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"there is {', '.join(list(stems)[:12] or names[:12])}"
