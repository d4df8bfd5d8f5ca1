"""Config trees: checked when made, YAML both ways, typed overrides with did-you-mean."""

from typing import Literal

import pytest

from omma.core.config import Config, config, difference, fingerprint, load, override, packages, show
from omma.core.errors import ConfigError


@config
class Leaf(Config):
    depth: int = 2
    rate: float = 0.5
    mode: Literal["fast", "slow"] = "fast"

    def check(self) -> None:
        if self.depth < 0:
            raise ConfigError("Leaf.depth", str(self.depth), "0 or more")


@config
class Named(Config):
    name: str
    leaf: Leaf = Leaf()


@config
class Tree(Config):
    leaf: Leaf = Leaf()
    stages: tuple[Named, ...] = ()
    weights: dict[str, float] = {}
    sides: tuple[int, int] = (1, 2)
    path: str | None = None
    flag: bool = False


TRUSTED = ("omma", __name__.split(".")[0])
TREE = Tree(stages=(Named(name="align"), Named(name="instruct", leaf=Leaf(depth=3))), weights={"a": 1})


def test_yaml_round_trip() -> None:
    assert load(show(TREE), where="x", trusted=TRUSTED) == TREE


def test_values_are_converted_and_checked() -> None:
    assert TREE.weights == {"a": 1.0} and isinstance(TREE.weights["a"], float)
    with pytest.raises(ConfigError, match=r"Leaf.depth: 'x' \(str\); expected int"):
        Leaf(depth="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected 'fast' or 'slow'; did you mean 'fast'"):
        Leaf(mode="fats")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Leaf.depth: True \(bool\); expected int"):
        Leaf(depth=True)
    with pytest.raises(ConfigError, match="Leaf.depth: -1; expected 0 or more"):
        Leaf(depth=-1)


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("leaf.depth=5", lambda t: t.leaf.depth == 5),
        ("leaf.rate=1e-3", lambda t: t.leaf.rate == 1e-3),
        ("leaf.rate=2", lambda t: t.leaf.rate == 2.0),
        ("stages.instruct.leaf.depth=7", lambda t: t.stages[1].leaf.depth == 7),
        ("stages.0.name=first", lambda t: t.stages[0].name == "first"),
        ("weights.b=0.25", lambda t: t.weights == {"a": 1.0, "b": 0.25}),
        ("sides=[3, 4]", lambda t: t.sides == (3, 4)),
        ("path=3", lambda t: t.path == "3"),
        ("flag=true", lambda t: t.flag is True),
        ("stages=[]", lambda t: t.stages == ()),
    ],
)
def test_override_sets_typed_values(assignment: str, value) -> None:
    assert value(override(TREE, [assignment]))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("leaf.dept=5", r"leaf.dept: Leaf has no field 'dept'; did you mean 'depth'\?"),
        ("leaf.depth=two", r"leaf.depth: 'two' \(str\); expected int"),
        ("leaf.depth=2.5", r"leaf.depth: 2.5 \(float\); expected int"),
        ("leaf.depth", "no '='; expected path=value"),
        ("stages.instuct.leaf.depth=1", r"no element 'instuct'; did you mean 'instruct'\?"),
        ("stages.9.name=x", "no element '9'; there is align, instruct"),
        ("leaf.depth.more=1", "int has no parts, so no 'more'"),
        ("sides=[1, 2, 3]", "sides: 3 values; expected 2"),
        ("flag=5", r"flag: 5 \(int\); expected bool"),
        ("leaf.mode=slo", "did you mean 'slow'"),
    ],
)
def test_override_refuses(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override(TREE, [assignment])


def test_override_swaps_a_part_by_class_name() -> None:
    from omma.model.connectors.mlp import Mlp
    from omma.model.connectors.pixel_shuffle import PixelShuffle

    @config
    class Holder(Config):
        connector: Config = Mlp()

    assert override(Holder(), ["connector=PixelShuffle"]).connector == PixelShuffle()
    assert override(Holder(), ["connector={class: Mlp, depth: 3}"]).connector.depth == 3
    with pytest.raises(ConfigError, match="did you mean 'PixelShuffle'"):
        override(Holder(), ["connector=PixelShufle"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class: os.path.Leaf", "outside omma, omma_recipes"),
        ("class: omma.core.errors.OmmaError", "is no config class"),
        ("class: omma.core.nothing.Thing", "is no config class"),
        ("class: [", "not YAML"),
    ],
)
def test_load_refuses_what_is_no_config(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(text, where="my.yaml")


def test_load_refuses_unknown_and_missing_keys() -> None:
    text = show(Leaf()).replace("depth", "dept")
    with pytest.raises(ConfigError, match=r"my.yaml.dept: Leaf has no field 'dept'; did you mean 'depth'"):
        load(text, where="my.yaml", trusted=TRUSTED)
    with pytest.raises(ConfigError, match="missing 1 required keyword-only argument: 'name'"):
        load(f"class: {__name__}.Named", where="my.yaml", trusted=TRUSTED)


def test_difference_names_changed_leaves() -> None:
    other = override(TREE, ["stages.align.leaf.depth=9", "weights.b=1"])
    assert difference(TREE, other) == ["stages.0.leaf.depth: 2 → 9", "weights.b: (absent) → 1.0"]
    assert difference(TREE, TREE) == [] and fingerprint(TREE) != fingerprint(other)


def test_packages_names_where_every_class_of_a_tree_comes_from() -> None:
    lab = type("Own", (Config,), {"__module__": "lab.parts", "__annotations__": {}})
    assert packages(({"x": config(lab)()}, 3)) == ("omma", "omma_recipes", "lab")


@config
class Pair(Config):
    whole: int = 4
    part: int = 4

    def check(self) -> None:
        if self.whole % self.part:
            raise ConfigError("Pair.part", str(self.part), f"a divisor of {self.whole}")


def test_overrides_that_only_fit_together_may_come_in_any_order() -> None:
    for changes in (["whole=2", "part=2"], ["part=2", "whole=2"], ["part=3", "whole=9"], ["whole=9", "part=3"]):
        made = override(Pair(), changes)
        assert (made.whole, made.part) == tuple(int(change[-1]) for change in sorted(changes, reverse=True))
    with pytest.raises(ConfigError, match=r"Pair.part: 4; expected a divisor of 9"):
        override(Pair(), ["whole=9"])
    assert override(TREE, ["leaf={class: Leaf, depth: 4}", "leaf.rate=0.25"], trusted=TRUSTED).leaf == Leaf(depth=4, rate=0.25)
    assert override(TREE, ["leaf.rate=0.25", "leaf={class: Leaf, depth: 4}"], trusted=TRUSTED).leaf == Leaf(depth=4)


def test_a_field_that_may_be_empty_is_filled_by_the_name_of_its_class() -> None:
    @config
    class Branch(Config):
        leaf: Leaf | None = None

    assert override(Branch(), ["leaf=Leaf"]).leaf == Leaf()
    assert override(Branch(), ["leaf={class: Leaf, depth: 5}"], trusted=TRUSTED).leaf == Leaf(depth=5)
    assert override(Branch(leaf=Leaf()), ["leaf=null"]).leaf is None
