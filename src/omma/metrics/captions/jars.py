"""METEOR and SPICE: captions + references → scores, by their authors' Java programs, where the user has them.

Both need data that only their authors' archives hold, so omma has no scorer of its own: without a jar there is no number
and `missing` says why; a zero is never given instead. Called as tylin/coco-caption does at 3a9afb2
(`pycocoevalcap/meteor/meteor.py`, `pycocoevalcap/spice/spice.py`), over words of the PTB tokenizer.
"""

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.metrics.captions.caption import CaptionMetric
from omma.metrics.metric import Facts, Mark, Marked, Number, number


@config
class JarMetric(CaptionMetric):
    """A scorer in Java: `jar` is the path of its archive, with its data beside it, `java` the command that runs it.

    A mark's score is NaN: captions are scored together, in `aggregate`, which gives no number while something is missing.
    """

    jar: str = ""
    java: str = "java"

    def missing(self) -> str:
        """Why no number is given; empty if everything is there."""
        if not self.jar:
            return f"{self.label} is computed by a Java program, and no jar is given"
        if not Path(self.jar).is_file():
            return f"{self.label} is computed by a Java program, and {self.jar} is no file"
        return "" if shutil.which(self.java) else f"{self.label} is computed by a Java program, and there is no {self.java!r}"

    def match(self, said: str, gold: str | Sequence[str], facts: Facts) -> Mark:
        return Mark(said, math.nan)

    def unread(self, gold: str | Sequence[str], facts: Facts) -> Mark:
        return Mark(None, math.nan)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if marked and self.missing():
            return ()
        return self.count([(one.mark.said or "", self.references(one.gold)) for one in marked], marked)

    def count(self, pairs: Sequence[tuple[str, tuple[str, ...]]], marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Words of each caption with those of its references → the numbers."""
        raise NotImplementedError(f"{type(self).__name__} counts nothing yet")

    def call(self, memory: str, arguments: Sequence[str], lines: str = "") -> list[str]:
        """Arguments + input → lines of output. ConfigError if the program fails."""
        jar = Path(self.jar).resolve()
        command = [self.java, f"-Xmx{memory}", "-jar", str(jar), *arguments]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8", cwd=jar.parent, check=False)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise ConfigError(str(jar), f"exit status {done.returncode}: {last}", "a program that ends well", "try its jar by hand")
        return done.stdout.splitlines()


@config
class Meteor(JarMetric):
    """METEOR 1.5 for English, of the corpus (one number of its summed statistics, so without an interval)."""

    label = "METEOR"
    source = "tylin/coco-caption pycocoevalcap/meteor/meteor.py"

    def count(self, pairs: Sequence[tuple[str, tuple[str, ...]]], marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not pairs:
            return (number(self.label, marked, [], None),)
        arguments = ["-", "-", "-stdio", "-l", "en", "-norm"]
        asked = "".join(f"SCORE ||| {' ||| '.join((*golds, said))}\n" for said, golds in pairs)
        statistics = self.call("2G", arguments, asked)[: len(pairs)]
        scores = self.call("2G", arguments, f"EVAL ||| {' ||| '.join(statistics)}\n")
        if len(statistics) < len(pairs) or len(scores) <= len(pairs):
            raise ConfigError(self.jar, f"{len(scores)} scores", f"{len(pairs)} and one of them all", "give METEOR 1.5")
        unparsed = sum(not one.mark.parsed for one in marked)
        return (Number(self.label, float(scores[len(pairs)]), len(pairs), unparsed, math.nan, math.nan),)


@config
class Spice(JarMetric):
    """Mean F score of SPICE 1.0 over pictures."""

    label = "SPICE"
    source = "tylin/coco-caption pycocoevalcap/spice/spice.py"

    def count(self, pairs: Sequence[tuple[str, tuple[str, ...]]], marked: Sequence[Marked]) -> tuple[Number, ...]:
        with tempfile.TemporaryDirectory() as folder:
            asked, told = Path(folder) / "captions.json", Path(folder) / "scores.json"
            rows = [{"image_id": at, "test": said, "refs": golds} for at, (said, golds) in enumerate(pairs)]
            asked.write_text(json.dumps(rows), encoding="utf-8")
            if rows:
                self.call("8G", [str(asked), "-out", str(told), "-silent"])
            found = json.loads(told.read_text(encoding="utf-8")) if rows else []
        terms = [(float(row["scores"]["All"]["f"]), 1.0) for row in found]
        return (number(self.label, marked, terms, lambda sums: sums[..., 0] / sums[..., 1]),)
