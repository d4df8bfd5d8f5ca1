"""Binning: (tokens, patches) of samples → bins under both budgets, best fit first, largest first, window by window."""

from bisect import bisect_left, insort

import numpy as np

WIDE = 1 << 32  # sort keys are room · WIDE + bin, so that equal rooms keep the order in which bins were opened
LOOK = 32  # bins tried for the second budget before a new one is opened
FULL = 0.98  # a bin fuller than this is not kept open for the next window


class Binner:
    """Bins of `tokens` × `patches`. `pack` takes one window after the other; bins with room stay open for one window more."""

    def __init__(self, tokens: int, patches: int) -> None:
        self.caps = (tokens, patches)
        self.used: list[list[int]] = [[], []]  # by bin, in both budgets
        self.opened: list[int] = []  # by bin, its window
        self.window = 0

    def pack(self, tokens: np.ndarray, patches: np.ndarray) -> np.ndarray:
        """Sizes (n,) of one window, none above a budget → bin (n,) of each."""
        shares = np.stack([tokens / self.caps[0], patches / max(self.caps[1], 1)])
        main = int(shares[1].sum() > shares[0].sum())
        order = np.argsort(-np.maximum(*shares), kind="stable")
        sizes = (tokens, patches)
        big, small = sizes[main][order].tolist(), sizes[1 - main][order].tolist()
        placed = np.empty(len(order), np.int64)
        placed[order] = self._place(big, small, main)
        self.window += 1
        return placed

    @property
    def num_final(self) -> int:
        """Bins that no later window adds to."""
        return bisect_left(self.opened, self.window - 1)

    def _place(self, big: list[int], small: list[int], main: int) -> list[int]:
        """Sizes in decreasing order → bins. `big` counts against the tighter budget, whose best fit is sought."""
        cap, other_cap = self.caps[main], self.caps[1 - main]
        used, other = self.used[main], self.used[1 - main]
        room = self._open_bins(main)
        bins: list[int] = []
        for size, extra in zip(big, small, strict=True):
            at = bisect_left(room, size * WIDE)
            end = min(at + LOOK, len(room))
            while at < end and other[room[at] % WIDE] + extra > other_cap:
                at += 1
            if at < end:
                number = room.pop(at) % WIDE
                used[number] += size
                other[number] += extra
            else:
                number = len(used)
                used.append(size)
                other.append(extra)
                self.opened.append(self.window)
            if left := cap - used[number]:
                insort(room, left * WIDE + number)
            bins.append(number)
        return bins

    def _open_bins(self, main: int) -> list[int]:
        cap, used, other = self.caps[main], self.used[main], self.used[1 - main]
        limit, other_limit = FULL * cap, FULL * self.caps[1 - main]
        recent = range(self.num_final, len(used))
        rooms = [(cap - used[b]) * WIDE + b for b in recent if used[b] < limit and other[b] <= other_limit]
        return sorted(rooms)
