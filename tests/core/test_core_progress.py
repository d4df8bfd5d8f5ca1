"""Progress on plain lines: what was done, what is left by the pace of late, nothing told twice."""

from omma.core import progress
from omma.core.progress import Bar


def lines(monkeypatch, work) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(progress.console, "print", lambda text, **how: told.append(text))
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    work()
    return told


def test_time_left_is_by_the_pace_of_late_and_the_end_is_told_once(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def work() -> None:
        with Bar("shards", 1000) as bar:
            for seconds, steps in ((1, 900), (30, 10), (30, 10), (30, 10), (10, 70)):
                now[0] += seconds
                bar.advance(steps)

    told = lines(monkeypatch, work)
    assert told[0] == "shards 900/1000 in 1 s, 0:00:00 left"  # found there by a resumed job: fast
    assert told[3] == "shards 930/1000 in 91 s, 0:03:30 left"  # 20 in the last minute, whatever went before
    assert told[4] == "shards 1000/1000 in 101 s" and len(told) == 5


def test_without_a_length_nothing_is_said_of_what_is_left(monkeypatch):
    def work() -> None:
        with Bar("rows", None) as bar:
            bar.advance(5, note="of a.tar")

    assert all(line.startswith("rows 5 in 0 s") and "left" not in line for line in lines(monkeypatch, work))
