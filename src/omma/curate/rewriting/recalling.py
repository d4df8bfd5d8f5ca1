"""Recalling: a few samples of a stream, by number, as compact bytes: what a set rewriter needs beside the sample at hand."""

import json
from collections.abc import Collection, Iterable

from omma.schema.sample import Sample


class Recalled:
    """Samples of one stream by their number in it. They take about the bytes of their JSON each."""

    def __init__(self, samples: Iterable[Sample], wanted: Collection[int]) -> None:
        self._texts = {number: _told(sample) for number, sample in enumerate(samples) if number in wanted}

    def __getitem__(self, number: int) -> Sample:
        return Sample.from_dict(json.loads(self._texts[number]))


def _told(sample: Sample) -> bytes:
    return json.dumps(sample.to_dict(), ensure_ascii=False).encode("utf-8", errors="surrogatepass")
