"""Abilities: main numbers of the models shown → means per ability and group, on the benchmarks that all of them have."""

from dataclasses import dataclass

from omma.evaluate.taxonomy import Mean, Means, ability_means, main_verdicts, shared_benchmarks
from omma.report.charts import ability_bars, ability_radar
from omma.report.facts import Facts
from omma.report.scores import CARDS, Headline


@dataclass(frozen=True, slots=True)
class AbilityRow:
    """One ability or group: the mean of each model and of the trivial guesses as text, and the benchmarks behind it."""

    name: str
    values: tuple[str, ...]
    trivial: str
    benchmarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the section shows; `left_out` are benchmarks that not every model has, `beside` those that are no share."""

    models: tuple[str, ...]
    cards: tuple[Headline, ...]
    groups: tuple[AbilityRow, ...]
    abilities: tuple[AbilityRow, ...]
    bars: str
    radar: str
    left_out: tuple[str, ...]
    beside: tuple[str, ...]


def abilities(facts: Facts) -> Abilities | None:
    """Facts → means of the models shown; None if no benchmark with abilities is in all of them."""
    columns = {model: facts.verdicts[model] for model in facts.shown}
    shared = shared_benchmarks(columns)
    means = {model: ability_means(found, list(facts.suites[model].values())) for model, found in shared.items()}
    first = next(iter(means.values()), Means((), (), ()))
    if not first.groups or any(_names(one) != _names(first) for one in means.values()):
        return None
    everything = dict.fromkeys(name for verdicts in columns.values() for name in main_verdicts(verdicts))
    groups = {model: one.groups for model, one in means.items()}
    return Abilities(
        models=tuple(means),
        cards=tuple(_card(model, found) for model, found in groups.items()) if len(groups) <= CARDS else (),
        groups=_rows(groups),
        abilities=_rows({model: one.abilities for model, one in means.items()}),
        bars=ability_bars(groups),
        radar=ability_radar(groups),
        left_out=tuple(name for name in everything if name not in {one.benchmark for one in shared[facts.shown[0]]}),
        beside=first.beside,
    )


def _names(means: Means) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What stands behind each group: models are compared only where that is the same."""
    return tuple((mean.name, tuple(sorted(mean.benchmarks))) for mean in means.groups)


def _card(model: str, means: tuple[Mean, ...]) -> Headline:
    """One model → the mean of its groups, with the best and the worst of them."""
    best, worst = max(means, key=lambda mean: mean.value), min(means, key=lambda mean: mean.value)
    value = sum(mean.value for mean in means) / len(means)
    guesses = [mean.trivial for mean in means if mean.trivial is not None]
    beside = [(best.name, f"{best.value:.1%}"), (worst.name, f"{worst.value:.1%}")] if len(means) > 1 else []
    trivial = [("trivial guess", f"{sum(guesses) / len(guesses):.1%}")] if len(guesses) == len(means) else []
    return Headline(model, f"mean of {len(means)} groups of abilities", f"{value:.1%}", (*beside, *trivial))


def _rows(columns: dict[str, tuple[Mean, ...]]) -> tuple[AbilityRow, ...]:
    rows = []
    for means in zip(*columns.values(), strict=True):
        trivial = "" if means[0].trivial is None else f"{means[0].trivial:.1%}"
        rows.append(AbilityRow(means[0].name, tuple(f"{one.value:.1%}" for one in means), trivial, means[0].benchmarks))
    return tuple(rows)
