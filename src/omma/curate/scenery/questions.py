"""Questions: scenes → questions with answers, balanced so that words alone tell nothing.

Within every wording that matters (what is counted, whose colour, which object) each possible answer is equally often
right; what cannot be balanced is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from omma.curate.scenery.canvas import box
from omma.curate.scenery.scene import COLOURS, KINDS, MOST, SHAPES, Scene, Shape, article

TASKS = ("read", "count", "colour", "relation", "yesno", "point")
ANSWERS: dict[str, tuple[str, ...]] = {
    "count": tuple(map(str, range(1, MOST + 1))),
    "colour": tuple(COLOURS),
    "relation": ("left", "right", "above", "below"),
    "yesno": ("yes", "no"),
}
NEAR_MISS = 0.75  # of the things asked for that are not there: right colour or right shape, but not both


@dataclass(frozen=True, slots=True)
class Question:
    """One question about scene number `scene`. Answers are balanced within `group`; `box` is xyxy px."""

    scene: int
    task: str
    text: str
    answer: str
    group: str = ""
    box: tuple[int, ...] = ()
    label: str = ""


def ask(scenes: Sequence[Scene], random: Random) -> list[Question]:
    """Scenes → at most one question of each task for each, in the order of scenes."""
    asked: Counter[tuple[str, str, str]] = Counter()
    questions: list[Question] = []
    for number, scene in enumerate(scenes):
        for candidates in (maker(number, scene, random) for maker in MAKERS):
            if candidates:
                # The rarest so far among what this scene offers, ties by chance: so little has to be left out afterwards.
                chosen = min(candidates, key=lambda q: (asked[q.task, q.group, q.answer], random.random()))
                asked[chosen.task, chosen.group, chosen.answer] += 1
                questions.append(chosen)
    stay = _balanced(questions, random)
    return [question for question in questions if question in stay]


def _balanced(questions: list[Question], random: Random) -> set[Question]:
    """Questions → those that stay: of each group equally many for every answer that its task knows."""
    groups: dict[tuple[str, str], dict[str, list[Question]]] = defaultdict(lambda: defaultdict(list))
    stay: set[Question] = set()
    for question in questions:
        if question.task in ANSWERS:
            groups[question.task, question.group][question.answer].append(question)
        else:
            stay.add(question)
    for (task, _), by_answer in groups.items():
        least = min(len(by_answer[answer]) for answer in ANSWERS[task])
        for answer in ANSWERS[task]:
            stay.update(random.sample(by_answer[answer], least))
    return stay


def _read(number: int, scene: Scene, random: Random) -> list[Question]:
    text = random.choice(("what number is written?", "which number do you see?"))
    return [Question(number, "read", text, written.text) for written in scene.numbers]


def _count(number: int, scene: Scene, random: Random) -> list[Question]:
    word, plural = scene.theme.word, _plural(scene.theme.word)
    text = random.choice((f"how many {plural} are there?", f"count the {plural}."))
    return [Question(number, "count", text, str(scene.count(word)), word)]


def _colour(number: int, scene: Scene, random: Random) -> list[Question]:
    shapes = [shape.shape for shape in scene.shapes]
    first = random.random() < 0.5
    return [
        Question(
            number,
            "colour",
            f"what colour is the {shape.shape}?" if first else f"which colour does the {shape.shape} have?",
            shape.colour,
            shape.shape,
        )
        for shape in scene.shapes
        if shapes.count(shape.shape) == 1
    ]


def _relation(number: int, scene: Scene, random: Random) -> list[Question]:
    """Pairs in one row or one column of the grid, where left and above mean one thing only."""
    unique, first = scene.unique(), random.random() < 0.5
    found = []
    for one in unique:
        for other in unique:
            answer = _side(one, other)
            if answer:
                text = f"where is the {one.name} relative to the {other.name}?"
                text = text if first else f"is the {one.name} left, right, above or below the {other.name}?"
                found.append(Question(number, "relation", text, answer))
    return found


def _side(one: Shape, other: Shape) -> str:
    if one is other or (one.row != other.row and one.column != other.column):
        return ""
    if one.row == other.row:
        return "left" if one.column < other.column else "right"
    return "above" if one.row < other.row else "below"


def _yesno(number: int, scene: Scene, random: Random) -> list[Question]:
    """Yes or no by a coin; what is there, or what is not there but much like it."""
    there = {shape.kind for shape in scene.shapes}
    if random.random() < 0.5:
        kinds, answer = sorted(there), "yes"
    else:
        absent = [kind for kind in KINDS if kind not in there]
        near = [kind for kind in absent if any((kind[0] == c) != (kind[1] == s) for c, s in there)]
        kinds, answer = near if random.random() < NEAR_MISS else absent, "no"
    first = random.random() < 0.5
    names = [(kind, article(" ".join(kind))) for kind in kinds]
    return [
        Question(number, "yesno", f"is there {name}?" if first else f"can you see {name}?", answer, " ".join(kind))
        for kind, name in names
    ]


def _point(number: int, scene: Scene, random: Random) -> list[Question]:
    verb = random.choice(("point to", "find"))
    return [Question(number, "point", f"{verb} the {s.name}.", "", s.name, box(s), s.name) for s in scene.unique()]


def _plural(word: str) -> str:
    if word in COLOURS:
        return f"{word} shapes"
    return "crosses" if word == "cross" else f"{word}s"


MAKERS = (_read, _count, _colour, _relation, _yesno, _point)
assert {*SHAPES} & {*COLOURS} == set()  # one word never means both
