"""Binning: (tokens, patches) of samples → bins under both budgets, best fit first, largest first, window by window."""

from bisect import bisect_left, insort

import numpy as np

WIDE = 32  # bits of a bin's number in a sort key: room << WIDE | bin
NUMBER = (1 << WIDE) - 1
LOOK = 64  # bins tried for the second budget before a new one is opened
FULL = 0.98  # a bin whose second budget is used up to here takes no more, nor does one of the window before


class Binner:
    """Bins of `tokens` × `patches`. `pack` takes one window after the other; bins with room stay open for one window more."""

    def __init__(self, tokens: int, patches: int) -> None:
        self.caps = np.array([tokens, patches])
        self.used = np.zeros((0, 2), np.int64)  # tokens and patches by bin
        self.opened = np.zeros(0, np.int64)  # window by bin
        self.window = 0

    @property
    def fill(self) -> np.ndarray:
        """The larger of its two shares, by bin."""
        return (self.used / self.caps).max(axis=1)

    @property
    def num_final(self) -> int:
        """Bins that no later window adds to."""
        return int(np.searchsorted(self.opened, self.window - 1))

    def pack(self, tokens: np.ndarray, patches: np.ndarray) -> np.ndarray:
        """Sizes (n,) of one window, none above a budget → bin (n,) of each."""
        sizes = np.stack([tokens, patches], axis=1).astype(np.int64)
        shares = sizes / self.caps
        main = int(shares[:, 1].sum() > shares[:, 0].sum())  # the tighter budget, whose best fit is sought
        order = np.argsort(-shares.max(axis=1), kind="stable")
        placed = np.empty(len(order), np.int64)
        placed[order] = self._place(sizes[order, main] << WIDE, sizes[order, 1 - main], main)
        total = max(int(placed.max(initial=-1)) + 1, len(self.used))
        grown = np.stack([np.bincount(placed, weights=column, minlength=total) for column in sizes.T], axis=1).astype(np.int64)
        grown[: len(self.used)] += self.used
        self.opened = np.concatenate([self.opened, np.full(total - len(self.used), self.window)])
        self.used = grown
        self.window += 1
        return placed

    def _place(self, keys: np.ndarray, extras: np.ndarray, main: int) -> list[int]:
        """Sizes in packing order, of the main budget as sort keys → bins. `rooms` is sorted, so its first that fits fits best."""
        other_cap, whole = int(self.caps[1 - main]), int(self.caps[main]) << WIDE
        nearly = int(FULL * other_cap)
        other = self.used[:, 1 - main].tolist()
        rooms = self._rooms(main)
        bins: list[int] = []
        for key, extra in zip(keys.tolist(), extras.tolist(), strict=True):
            at = bisect_left(rooms, key)
            if at < len(rooms) and other[rooms[at] & NUMBER] > other_cap - extra:
                at = _further(rooms, at, other, other_cap - extra)
            if at < len(rooms):
                left = rooms.pop(at) - key
                number = left & NUMBER
                other[number] += extra
            else:
                number = len(other)
                left = whole - key + number
                other.append(extra)
            if left > NUMBER and other[number] <= nearly:
                insort(rooms, left)
            bins.append(number)
        return bins

    def _rooms(self, main: int) -> list[int]:
        """Bins of the window before that still have room, as sort keys."""
        recent = np.arange(self.num_final, len(self.used))
        recent = recent[(self.used[recent] <= FULL * self.caps).all(axis=1)]
        return sorted(((self.caps[main] - self.used[recent, main] << WIDE) + recent).tolist())


def _further(rooms: list[int], at: int, other: list[int], most: int) -> int:
    """The first of the next rooms whose bin has used at most `most` of the other budget; behind the last if none of LOOK."""
    for i in range(at + 1, min(at + LOOK, len(rooms))):
        if other[rooms[i] & NUMBER] <= most:
            return i
    return len(rooms)
