"""Scoring captions: words, BLEU, ROUGE-L, CIDEr and intervals of a thousand pictures with five references; beside pycocoevalcap.

    python benchmarks/score_captions.py [PYTHON]

PYTHON is an interpreter that has pycocoevalcap (and a `java` in its path); without one, omma's times stand alone. Captions are
made by this script. Times are wall-clock seconds, medians of RUNS runs in fresh processes (OMP_NUM_THREADS=1). The
original's intervals are missing, since it has none; its own steps are the ones that it prints scores for, without METEOR
and SPICE.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS, PICTURES, REFERENCES = 5, 1000, 5
SUBJECTS = ["man", "woman", "dog", "cat", "train", "bus", "horse", "child", "surfer", "player", "giraffe", "pizza"]
COLOURS = ["red", "blue", "white", "black", "large", "small", "young", "old", "two", "three"]
VERBS = ["riding", "holding", "eating", "standing", "sitting", "looking", "playing", "parked", "walking", "flying"]
PLACES = ["street", "beach", "table", "field", "kitchen", "bench", "board", "room", "court", "road"]

THEIRS = """
import json, sys, time
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
said, golds = json.load(open(sys.argv[1]))
times = [time.perf_counter()]
golds = PTBTokenizer().tokenize({k: [{"caption": t} for t in v] for k, v in golds.items()})
said = PTBTokenizer().tokenize({k: [{"caption": v}] for k, v in said.items()})
times.append(time.perf_counter())
found = {}
for scorer in (Bleu(4), Rouge(), Cider()):
    value, _ = scorer.compute_score(golds, said, **({"verbose": 0} if isinstance(scorer, Bleu) else {}))
    found |= {f"BLEU-{n}": v for n, v in enumerate(value, 1)} if isinstance(value, list) else {
        {"Rouge": "ROUGE-L", "CIDEr": "CIDEr"}[scorer.method()]: float(value)}
    times.append(time.perf_counter())
print(json.dumps([[b - a for a, b in zip(times, times[1:])], found]))
"""
OURS = """
import json, sys, time
from omma.metrics.captions.bleu import Bleu
from omma.metrics.captions.cider import Cider
from omma.metrics.captions.ptb import words
from omma.metrics.captions.rouge import RougeL
from omma.metrics.metric import Marked
said, golds = json.load(open(sys.argv[1]))
times = [time.perf_counter()]
for key in said:
    words(said[key]), [words(text) for text in golds[key]]
times.append(time.perf_counter())
found = {}
for rule in (Bleu(), RougeL(), Cider()):
    rows = [Marked(key, golds[key], {}, rule.judge(said[key], golds[key], {})) for key in said]
    found |= {number.metric: number.value for number in rule.aggregate(rows)}
    times.append(time.perf_counter())
print(json.dumps([[b - a for a, b in zip(times, times[1:])], found]))
"""


def caption(draw):
    """A caption with commas, quotes, contractions and hyphens now and then, as people write them."""
    subject, place = f"{draw.choice(COLOURS)} {draw.choice(SUBJECTS)}", f"{draw.choice(COLOURS)} {draw.choice(PLACES)}"
    text = f"A {subject} is {draw.choice(VERBS)} near the {place}"
    ends = (".", ".", "", ", isn't it?", ' with a "stop" sign.', " - half-eaten.", ", the dog's toy (new) too.", " at 5:30 p.m.")
    return text + draw.choice(ends)


def timed(python, program, path):
    """Interpreter + program → seconds of each step, and the scores."""
    done = subprocess.run([python, "-c", program, path], capture_output=True, text=True, check=True)
    seconds, found = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, found


def measured(sides, path):
    """Interpreters and programs by name → median seconds of each step over RUNS runs in turn, and the scores of each side."""
    runs = {name: [] for name in sides}
    for _ in range(RUNS):
        for name, (python, program) in sides.items():
            runs[name].append(timed(python, program, path))
    assert all(found == rounds[0][1] for rounds in runs.values() for _, found in rounds)
    steps = {name: zip(*(seconds for seconds, _ in rounds), strict=True) for name, rounds in runs.items()}
    return {name: ([statistics.median(column) for column in columns], runs[name][0][1]) for name, columns in steps.items()}


def main():
    draw = random.Random(0)
    keys = [str(i) for i in range(PICTURES)]
    data = {key: caption(draw) for key in keys}, {key: [caption(draw) for _ in range(REFERENCES)] for key in keys}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "captions.json"
        path.write_text(json.dumps(data), encoding="utf-8")
        sides = {"omma": (sys.executable, OURS)}
        if len(sys.argv) > 1:
            sides["pycocoevalcap"] = (sys.argv[1], THEIRS)
        rows = measured(sides, str(path))
    print(f"{PICTURES:,} pictures, {REFERENCES} references each; medians of {RUNS} runs in turn, in seconds; omma with intervals")
    print()
    print(f"{'':15}{'words':>8}{'BLEU':>8}{'ROUGE-L':>9}{'CIDEr':>8}{'all':>8}")
    for name, (seconds, _) in rows.items():
        print(f"{name:15}{seconds[0]:8.2f}{seconds[1]:8.2f}{seconds[2]:9.2f}{seconds[3]:8.2f}{sum(seconds):8.2f}")
    ours = rows["omma"][1]
    for name, (_, theirs) in list(rows.items())[1:]:
        print(f"{'ratio of all':15}{sum(rows[name][0]) / sum(rows['omma'][0]):>41.2f}")
        print(f"\nlargest difference of a score from {name}: {max(abs(ours[label] - theirs[label]) for label in theirs):.1e}")
    print("\n" + "  ".join(f"{label} {value:.4f}" for label, value in sorted(ours.items())))


if __name__ == "__main__":
    main()
