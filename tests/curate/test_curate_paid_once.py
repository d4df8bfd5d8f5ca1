"""A curation that asks a server, killed in the middle and run again: no request is answered, and paid for, twice."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from omma.answerers.services.endpoint import Endpoint
from omma.core.config import show
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operators.richness import Richness
from omma.curate.operators.spelt_caption import SpeltCaption
from omma.curate.operators.words_in_picture import WordsInPicture
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.rewriters.recaption import Recaption
from omma.schema.manifest import read_manifest
from tests.evaluate.serving import Served

PICTURES = 12


def asked_for(payload) -> str:
    """What a request wants: a description, a rating, or the lines in a picture."""
    said = "".join(part.get("text", "") for part in payload["messages"][-1]["content"])
    return "lines" if "JSON list" in said else "rating" if "Reply with the number" in said else "description"


def says(payload) -> str:
    return {"lines": '["a sign"]', "rating": "4", "description": "a smooth field of colours"}[asked_for(payload)]


def data(root, address) -> Data:
    model = Endpoint(address=address, workers=1)
    operators = (Recaption(model=model), Richness(model=model), WordsInPicture(model=model), SpeltCaption(model=model))
    return Data(root=str(root), sources={"web": CaptionsJsonl()}, operators=operators)


WORK = """
import sys
from pathlib import Path
from omma.core.config import load
from omma.core.runs import RunFolder
from omma.curate.job import curate
curate(load(Path(sys.argv[1]).read_text(), where="test"), RunFolder(Path(sys.argv[2])), seed=0, workers=0)
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    rows = []
    for i in range(PICTURES):
        noise = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((48, 48), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
        rows.append({"image": f"{i}.png", "caption": f"picture number {i}"})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize("fatal", [5, PICTURES + 7])  # in the middle of the rewriter, and of the judge
def test_no_request_is_answered_twice_across_a_kill(fatal, root, tmp_path):
    answered: list[str] = []
    victim: list[subprocess.Popen] = []

    def answer(payload):
        if len(answered) == fatal and victim:
            victim.pop().kill()  # nobody gets this answer
            return "too late"
        answered.append(json.dumps(payload, sort_keys=True))
        return says(payload)

    with Served(says=answer) as served:
        (tmp_path / "data.yaml").write_text(show(data(root, served.address)))
        with subprocess.Popen([sys.executable, "-c", WORK, tmp_path / "data.yaml", tmp_path / "run"]) as process:
            victim.append(process)
            assert process.wait(60) == -signal.SIGKILL and len(answered) == fatal
        run = RunFolder(tmp_path / "run")
        curate(data(root, served.address), run, seed=0, workers=0)
        assert max(Counter(answered).values()) == 1
        kinds = Counter(asked_for(json.loads(payload)) for payload in answered)
        assert kinds == {"description": PICTURES, "rating": PICTURES, "lines": PICTURES}, "two operators share what is read"
        assert len(served.got) == 3 * PICTURES + 1, "the request of which nobody got the answer was sent again"
        curate(data(root, served.address), RunFolder(tmp_path / "whole"), seed=0, workers=0)
    manifests = [(tmp_path / name / "data/train.parquet").read_bytes() for name in ("run", "whole")]
    assert manifests[0] == manifests[1] and len(read_manifest(run / "data/train.parquet")) == PICTURES
    (kept,) = (tmp_path / "run").rglob("answers.sqlite")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (3 * PICTURES,)
