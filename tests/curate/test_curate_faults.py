"""Faults through the whole machine: dirty roots, odd names, lame servers, memory, changed recipes, two jobs at once."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.answerers import calling
from omma.answerers.services.endpoint import Endpoint
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import inside
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.machine.alone import LOCK, alone
from omma.curate.machine.engine import Pool
from omma.curate.machine.site import Site, fingerprint, table_of
from omma.curate.operators import flagged_words
from omma.curate.operators.alignment import Alignment
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.flagged_words import FlaggedWords
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.rewriters.recaption import Recaption
from omma.schema.manifest import read_manifest
from tests.curate.dirty_root import BOMBS, CANARY, STEMS, dirty, picture
from tests.curate.faulty_job import work
from tests.curate.faulty_parts import Glutton, Raiser
from tests.evaluate.serving import Served, completion

SMALL = Pool(rows=5, pictures=4)
TABLES = ("train", "heldout", "gone", "scores")
PROGRAM = Path(__file__).with_name("faulty_job.py")


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Worker processes import this folder's operators."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture(scope="module")
def soiled(tmp_path_factory) -> Path:
    """A folder with a dirty root, and `whole`: a run over it without a hitch. Tests only read it."""
    folder = tmp_path_factory.mktemp("dirty")
    dirty(folder)
    work(folder, folder / "whole", 0, Pool(rows=7, pictures=5))
    return folder


@pytest.fixture
def captioned(tmp_path: Path, write_lines: Callable) -> Callable[..., Path]:
    """Function: texts → a folder with a picture for each."""

    def build(*texts: str, root: str = "raw") -> Path:
        for i in range(len(texts)):
            (tmp_path / root).mkdir(exist_ok=True)
            (tmp_path / root / f"{i:02d}.png").write_bytes(picture(i))
        write_lines(tmp_path / root / "captions.jsonl", *({"image": f"{i:02d}.png", "caption": t} for i, t in enumerate(texts)))
        return tmp_path / root

    return build


def small(root: Path, *operators: object, **how: object) -> Data:
    return Data(**({"root": str(root), "sources": {"c": CaptionsJsonl()}, "operators": operators, "max_errors": 0.9} | how))


def outputs(run: Path) -> dict[str, bytes]:
    """Everything that curation promises to write the same way twice."""
    paths = [*(run / "data").glob("*.parquet"), *(run / "ledger.parquet").glob("*.parquet"), run / "done/curate.json"]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def rows_of(run: Path) -> dict[str, tuple[str, str]]:
    """Ledger → what became of each row, which stands there once."""
    entries = [entry for entry in RunFolder(run).ledger.entries("curate") if entry.verdict != "rewrite"]
    found = {entry.sample_id: (entry.verdict, entry.reason) for entry in entries}
    assert len(found) == len(entries)
    return found


def started(folder: Path, run: Path, workers: int, how: str = "plain", *before: str) -> subprocess.Popen:
    command = [*before, sys.executable, str(PROGRAM), str(folder), str(run), str(workers), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_of_a_dirty_root_every_row_is_in_the_ledger_once_and_every_loss_is_told(soiled):
    rows = rows_of(soiled / "whole")
    ids = pq.read_table(soiled / "whole/data/scores.parquet")["id"].to_pylist()
    assert sorted(rows) == sorted(ids)
    for stem in STEMS:
        assert rows[f"texts/texts/{stem}.jpg:0"][0] in ("keep", "heldout", "drop"), stem
        assert rows[f"lines/texts/{stem}.jpg:0"][0] in ("keep", "heldout", "drop"), stem
    losses = {
        "texts/texts/caf\\udce9.jpg": "is not UTF-8",
        "texts/texts/circle": "a link to a folder, which is not followed",
        "texts/texts/dangling.jpg": "no file, or a link to none",
        "texts/texts/loop.jpg": "no file, or a link to none",
        "texts/texts/pipe.jpg": "no file, or a link to none",
        "texts/texts/folder": "a link out of the data root",
        "texts/texts/out.jpg": "a link out of the data root",
        "texts/texts/near.jpg": "near.txt: is a link out of the data root",
        "texts/texts/empty.jpg:0": "the file is empty",
        "texts/texts/page.jpg:0": "not a picture",
        "texts/texts/half.png:0": "ends after 90 bytes",
        "lines/texts/out.jpg:0": "lies outside the data root",
        "lines/texts/loop.jpg:0": "Too many levels of symbolic links",
        "lines/texts/pipe.jpg:0": "neither a file nor a folder",
        "lines/../outside/a.jpg:0": "lies outside the data root",
        "lines//etc/passwd:0": "lies outside the data root",
        "lines/no\0name.jpg:0": "embedded null byte",
        "lines/https://example.org/a.jpg:0": "has not been fetched",
        "lines/file:///etc/passwd:0": "an address of another kind",
        "lines/texts/near.jpg:1": "half a surrogate pair",
        f"lines/captions.jsonl:{len(STEMS) + 14}": "not UTF-8",
        f"lines/captions.jsonl:{len(STEMS) + 15}": "no JSON",
        "web/web/cut.tar": "the tar breaks off after",
        "table/table/a.parquet#3": "cannot be read from here to row 5",
        "table/table/empty.parquet#0": "cannot be read",
        "table/table/out.parquet": "a link out of the data root",
    } | {f"texts/texts/bomb.{kind}:0": "declares more pixels than may be decoded" for kind in BOMBS}
    for name, reason in losses.items():
        assert rows[name][0] == "error" and reason in rows[name][1], (name, rows.get(name))
    assert not any(CANARY.encode() in data for data in outputs(soiled / "whole").values())


def test_of_a_dirty_root_neither_workers_nor_sizes_of_shards_change_a_row(soiled, tmp_path):
    work(soiled, tmp_path / "two", 2, Pool(rows=11, pictures=3))
    for name in TABLES:
        there, here = (pq.read_table(run / f"data/{name}.parquet").to_pylist() for run in (soiled / "whole", tmp_path / "two"))
        assert there == here, name
    assert rows_of(tmp_path / "two") == rows_of(soiled / "whole")
    assert (tmp_path / "two/done/curate.json").read_bytes() == (soiled / "whole/done/curate.json").read_bytes()


@pytest.mark.slow
def test_of_a_dirty_root_a_job_that_was_killed_ends_with_the_same_bytes(soiled, tmp_path):
    """Also if shards have another size the second time."""
    for number, pool in enumerate((Pool(rows=7, pictures=5), Pool(rows=9, pictures=6))):
        run = tmp_path / f"killed{number}"
        process = started(soiled, run, 0)
        while not list(run.glob("work/see-*/image-000003.parquet")):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.002)
        process.kill()
        process.communicate()
        assert not (run / "done/curate.json").exists()
        work(soiled, run, 2, pool)
        assert not (run / "work").exists()
        tables = [{name: pq.read_table(one / f"data/{name}.parquet") for name in TABLES} for one in (run, soiled / "whole")]
        assert tables[0] == tables[1]
        if number == 0:
            assert outputs(run) == outputs(soiled / "whole")


def test_nothing_is_opened_outside_the_root_and_nothing_written_outside_the_run(soiled, tmp_path):
    process = started(soiled, tmp_path / "run", 0, "watch")
    said, _ = process.communicate()
    assert process.returncode == 0
    assert [line for line in said.splitlines() if line.startswith("FAULT")] == []
    assert int(said.rpartition("PEAK ")[2]) < 900_000, "KiB: two billion pixels were not made room for"
    assert outputs(tmp_path / "run") == outputs(soiled / "whole")


@pytest.mark.slow
def test_native_code_neither_reads_nor_writes_nor_calls_elsewhere(soiled, tmp_path):
    """All system calls on files and sockets, of the workers, too."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace is not there, or may not trace")
    run, log = tmp_path / "run", tmp_path / "log"
    calls = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,connect"
    process = started(soiled, run, 2, "plain", "strace", "-f", "-qq", "-s", "1000", "-o", str(log), "-e", calls)
    process.communicate()
    assert process.returncode == 0
    lines = log.read_text(errors="replace").splitlines()
    assert sum(str(run) in line for line in lines) > 100
    outside = str(soiled / "outside")
    assert [line for line in lines if outside in line or '"/etc/passwd"' in line or ".duckdb" in line] == []
    assert [line for line in lines if "connect(" in line and "AF_INET" in line] == []
    changes = [line for line in lines if re.search(r"O_WRONLY|O_RDWR|O_CREAT|mkdir|rename|unlink|link\(|linkat\(|creat\(", line)]
    ours = (str(run), "/dev/null", "/dev/shm/", "/dev/tty", "/proc/")  # locks between processes lie in memory
    there = [
        line for line in changes if not any(f'"{place}' in line for place in ours) and "= -1" not in line and "resumed" not in line
    ]
    there = [line for line in there if not re.search(r'(mkdir|unlink|rmdir)\w*\(.*"[^/"]', line) and "__pycache__" not in line]
    there = [line for line in there if "/pymp-" not in line and "/tmp/tmp" not in line]
    assert there == []


ODD = ("run [1]", "r*n", "r?n", "it's; here", "new\nline", "🐈 %41", "id=5", "a, b", "\u202eab", 'quo"te', "{a,b}", "back\\slash")


@pytest.mark.parametrize("name", ODD)
def test_run_folders_and_roots_of_any_name_are_taken_as_they_are_called(name, captioned, tmp_path):
    """Beside each lies a folder that the same name as a pattern would fit."""
    root = captioned("a first text", "a second text", root=name)
    for decoy in ("run 1", "ran", "r n"):
        (tmp_path / "runs" / decoy / "work").mkdir(parents=True)
    run = tmp_path / "runs" / name
    curate(small(root, Decode(), Caption(), ExactHash()), RunFolder(run), seed=0, workers=0, engine=SMALL)
    assert [sample.id for sample in read_manifest(run / "data/train.parquet")] == ["c/00.png:0", "c/01.png:0"]


def site_of(work: Path) -> Site:
    return Site(work, work, work, work, SMALL, 0, SMALL.crew(0), SMALL.crew(0))


def test_a_name_that_is_a_pattern_reads_no_other_folder(tmp_path):
    """DuckDB takes a name for a pattern: `run [1]` would fit `run 1`."""
    for name in ("run [1]", "run 1", "id=5"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"id": [name]}), tmp_path / name / "0.parquet")
    for name in ("run [1]", "run 1", "id=5"):
        with site_of(tmp_path).database() as database:
            assert database.execute(f"SELECT id FROM {table_of([tmp_path / name / '0.parquet'])}").fetchall() == [(name,)]
    with pytest.raises(ConfigError, match=r"expected no backslash beside \* \? \[ in one name"):
        table_of([tmp_path / "a\\b*" / "0.parquet"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{}/secret.csv')",
        "SELECT * FROM '{}/secret.csv'",
        "COPY (SELECT 1) TO '{}/new.csv'",
        "ATTACH '{}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://127.0.0.1/a.parquet'",
        "SET enable_external_access = true",
    ],
)
def test_the_database_opens_nothing_outside_the_work_folder_and_fetches_nothing(query, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with site_of(tmp_path / "work").database() as database, pytest.raises(duckdb.Error):
        database.execute(query.format(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv", "work"]


def test_links_that_go_in_a_circle_are_read_nowhere(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert inside(tmp_path, "loop/../a.png").is_relative_to(tmp_path)
    before = fingerprint(tmp_path)
    (tmp_path / "folder").symlink_to("/etc")
    assert fingerprint(tmp_path) != before


def test_an_operator_that_takes_memory_without_end_costs_its_row(captioned, tmp_path):
    root = captioned(*(f"number {i}" for i in range(12)))
    for workers in (0, 2):
        run = tmp_path / f"run{workers}"
        curate(small(root, Glutton(victims=("03.png",)), Decode()), RunFolder(run), seed=0, workers=workers, engine=SMALL)
        lost = {name: told for name, told in rows_of(run).items() if told[0] != "keep"}
        assert lost == {"c/03.png:0": ("error", "error:glutton: MemoryError: ")}
    assert outputs(tmp_path / "run0") == outputs(tmp_path / "run2")


def test_a_rewriter_that_fails_on_a_sample_or_writes_what_no_file_holds_costs_that_row(captioned, tmp_path):
    root = captioned("one", "crash", "two", "half", "three", "crash")
    run = tmp_path / "run"
    curate(small(root, Raiser()), RunFolder(run), seed=0, workers=0, engine=SMALL)
    assert rows_of(run) == {
        "c/00.png:0": ("keep", ""),
        "c/01.png:0": ("error", "error:raiser: ZeroDivisionError: no idea"),
        "c/02.png:0": ("keep", ""),
        "c/03.png:0": ("error", "error:raiser: text with half a surrogate pair"),
        "c/04.png:0": ("keep", ""),
        "c/05.png:0": ("error", "error:raiser: ZeroDivisionError: no idea"),
    }
    train = read_manifest(run / "data/train.parquet")
    assert [sample.captions[0].text for sample in train] == ["one indeed", "two indeed", "three indeed"]


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Servers are tried again at once."""
    monkeypatch.setattr(calling, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(calling, "TRIES", 2)


def asking(root: Path, address: str, *more: object) -> Data:
    service = Endpoint(address=address, workers=1, timeout=0.2)
    return small(root, Alignment(model=service, least=2.0), Recaption(model=service, signature="m"), *more)


def says(payload: dict) -> str:
    """Ratings are asked for in few tokens, descriptions in many."""
    return "4" if payload["max_tokens"] < 100 else "a description of what is there"


TOO_MUCH = (429, b'{"error": {"message": "slow down"}}', (("Retry-After", "0"),))
LAME = {  # what the server does: what the row says
    "half JSON": ([(200, b'{"choices": [{"mess')] * 2, "no answer after 2 tries: "),
    "another thing": ([(200, b'{"weather": "fine"}')], "no chat completion"),
    "a page": ([(200, b"<html>login</html>")] * 2, "no answer after 2 tries: "),
    "defect": ([(500, b"oops")] * 2, "HTTP 500: oops"),
    "too much": ([TOO_MUCH] * 2, "HTTP 429: slow down"),
    "no patience": (["slow"] * 2, "no answer after 2 tries: "),
    "hung up": (["cut"] * 2, "no answer after 2 tries: "),
    "chatter": ([(200, completion("What a lovely picture!"))], "unread"),
    "half a sign": ([(200, completion("\ud83d"))], "unread"),
}


@pytest.mark.usefixtures("hasty")
def test_each_fault_of_a_server_costs_a_row_and_the_next_job_asks_for_that_alone(captioned, tmp_path):
    root, run = captioned(*(f"caption {i}" for i in range(len(LAME) + 2))), tmp_path / "run"
    with Served(says) as server:
        server.plan.append((200, completion("5")))
        for steps, _ in LAME.values():
            server.plan.extend(steps)
        curate(asking(root, server.address), RunFolder(run), seed=0, workers=0, engine=SMALL)
        rows = rows_of(run)
        for number, (fault, (_, reason)) in enumerate(LAME.items(), start=1):
            verdict, told = rows[f"c/{number:02d}.png:0"]
            assert verdict == "error" and told.startswith("error:alignment: ") and reason in told, (fault, told)
        assert [name for name, told in rows.items() if told[0] == "keep"] == ["c/00.png:0", f"c/{len(LAME) + 1:02d}.png:0"]
        server.got.clear()
        curate(asking(root, server.address), RunFolder(run), seed=0, workers=0, engine=SMALL)
        never = len(LAME) - 2  # chatter and half a sign were said: no sense could be made of them, and none can be now
        assert [payload["max_tokens"] for payload in server.got] == [8] * never + [1024] * never
        assert [name for name, told in rows_of(run).items() if told[0] != "keep"] == ["c/08.png:0", "c/09.png:0"]


@pytest.mark.usefixtures("hasty")
def test_a_rewriter_over_a_lame_server_loses_rows_and_never_pays_twice(captioned, tmp_path):
    root, run = captioned(*(f"caption {i}" for i in range(6))), tmp_path / "run"
    with Served(says) as server:
        server.plan.extend([(200, completion("4"))] * 6)
        server.plan.extend([(200, completion("\ud83d half")), (500, b""), (500, b""), (200, completion("cut", "length"))])
        curate(asking(root, server.address), RunFolder(run), seed=0, workers=0, engine=SMALL)
        rows = rows_of(run)
        assert [told[0] for told in rows.values()] == ["error"] * 3 + ["keep"] * 3
        assert rows["c/00.png:0"][1] == "error:recaption: text with half a surrogate pair"
        asked = len(server.got)
        assert asked == 6 + 7
        curate(asking(root, server.address), RunFolder(run), seed=0, workers=0, engine=SMALL)
        assert len(server.got) == asked + 1  # the one that was never answered
        assert [told[0] for told in rows_of(run).values()] == ["error", "keep", "error"] + ["keep"] * 3


@pytest.mark.usefixtures("hasty")
def test_a_server_that_goes_away_stops_the_job_and_what_was_answered_is_not_asked_again(captioned, tmp_path):
    root = captioned(*(f"caption {i}" for i in range(12)))
    with Served(says) as server:
        curate(asking(root, server.address, ExactHash()), RunFolder(tmp_path / "whole"), seed=0, workers=0, engine=SMALL)
        assert len(server.got) == 24
        server.got.clear()
        for place in (3, 9, 16, 21):  # questions that it still answers, in all
            server.plan.extend([None] * (place - len(answered(server))) + [(403, b"closed")])
            with pytest.raises(ConfigError, match="closed"):
                curate(asking(root, server.address, ExactHash()), RunFolder(tmp_path / "run"), seed=0, workers=0, engine=SMALL)
            server.plan.clear()
        curate(asking(root, server.address, ExactHash()), RunFolder(tmp_path / "run"), seed=0, workers=0, engine=SMALL)
        assert len(server.got) == 24 + 4  # those that were turned away were asked again, and no other
    assert outputs(tmp_path / "run") == outputs(tmp_path / "whole")


def answered(server: Served) -> list[object]:
    return server.got


def stopped_job(data: Data, run: Path, step: str, monkeypatch) -> None:
    """A job that ends before the first shard of a step is written, as a killed one does: what was finished lies in `work`."""
    write = pq.write_table

    def interrupted(table: object, where: Path, **named: object) -> None:
        if f"/work/{step}-" in str(where):
            raise KeyboardInterrupt
        write(table, where, **named)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", interrupted)
        with pytest.raises(KeyboardInterrupt):
            curate(data, RunFolder(run), seed=0, workers=0, engine=SMALL)
    assert len(list((run / "work").glob("*/*.parquet"))) > 2


def _threshold(root: Path, data: Data) -> Data:
    return small(root, Decode(), Size(min_side=4), Caption(min_words=3), ExactHash())


def _order(root: Path, data: Data) -> Data:
    return small(root, *reversed(data.operators))


def _reader(root: Path, data: Data) -> Data:
    return small(root, *data.operators, sources={"c": CaptionsJsonl(task="describe")})


def _added(root: Path, data: Data) -> Data:
    with (root / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"image": "00.png", "caption": "a word more"}\n')
    return data


def _same_size(root: Path, data: Data) -> Data:
    path = root / "02.png"
    old = path.stat()
    path.write_bytes(bytes(path.stat().st_size))
    assert (path.stat().st_size, path.stat().st_mtime_ns) != (old.st_size, old.st_mtime_ns)
    return data


def _word_list(root: Path, data: Data) -> Data:
    (root.parent / "words.txt").write_text("the\n")
    flagged_words._pattern.cache_clear()  # another process has not read it
    return data


@pytest.mark.parametrize("change", [_threshold, _order, _reader, _added, _same_size, _word_list])
def test_what_a_stopped_job_left_is_not_used_by_a_recipe_or_data_that_changed(change, captioned, tmp_path, monkeypatch):
    """As if there had never been another job; and nothing of either is left."""
    root = captioned(*(f"the number {i}" if i % 2 else f"number {i}" for i in range(11)))
    (tmp_path / "words.txt").write_text("nothing\n")
    data = small(root, Decode(), FlaggedWords(path=str(tmp_path / "words.txt")), Size(), Caption(), ExactHash())
    for step in ("rows", "exact_hash"):
        stopped_job(data, tmp_path / step, step, monkeypatch)
    changed = change(root, data)
    curate(changed, RunFolder(tmp_path / "fresh"), seed=0, workers=0, engine=SMALL)
    for step in ("rows", "exact_hash"):
        curate(changed, RunFolder(tmp_path / step), seed=0, workers=0, engine=SMALL)
        assert outputs(tmp_path / step) == outputs(tmp_path / "fresh")
        assert not (tmp_path / step / "work").exists()


def test_two_jobs_in_one_folder_are_told(captioned, tmp_path):
    root, run = captioned("a first text", "a second text"), tmp_path / "run"
    child = f"from omma.curate.machine.alone import *\nwith alone(Path({str(run / 'work')!r})):\n print(1, flush=True)\n input()"
    other = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "1\n"
    with pytest.raises(CheckpointError, match=rf"curated into by process {other.pid} of .*; expected one job at a time"):
        curate(small(root, Decode()), RunFolder(run), seed=0, workers=0)
    other.kill()
    other.communicate()
    assert (run / "work" / LOCK).exists()  # left by the dead, and no hindrance
    curate(small(root, Decode()), RunFolder(run), seed=0, workers=0)
    assert RunFolder(run).done("curate")["kept"] == 2
    assert not (run / "work").exists()


def test_a_folder_that_was_taken_away_while_it_was_waited_for_is_made_again(tmp_path):
    with alone(tmp_path / "work"):
        shutil.rmtree(tmp_path / "work")
        with alone(tmp_path / "work"):
            assert (tmp_path / "work" / LOCK).exists()


LAB = """
import sys
sys.path.insert(0, {here!r})
from omma.recipe import Curation
from tests.curate.faulty_job import data_of
from pathlib import Path

def mine() -> Curation:
    return Curation(id="mine", title="Mine", data=data_of(Path({root!r})))
"""


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_the_same_command_goes_on(soiled, tmp_path):
    lab, run = tmp_path / "lab.py", tmp_path / "run"
    lab.write_text(LAB.format(here=str(Path(__file__).parents[2]), root=str(soiled / "root")))
    command = [sys.executable, "-m", "omma.cli.main", "curate", f"{lab}:mine", f"run.folder={run}", "run.curate_workers=2"]
    command += ["run.engine.rows=7", "run.engine.pictures=5"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(run.glob("work/see-*/image-000001.parquet")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"interrupted: kept in {run}: no step is finished yet; continue with: omma curate "), said
    subprocess.run(command, check=True, capture_output=True)
    for name in TABLES:
        assert pq.read_table(run / f"data/{name}.parquet") == pq.read_table(soiled / f"whole/data/{name}.parquet")
    assert not (run / "work").exists()
