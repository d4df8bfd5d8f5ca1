"""Order: samples + a stage's mixture and budget → Plan and ledger entries. Lengths, splitting and packing in one call."""

from collections.abc import Mapping, Sequence

from omma.pack.codec import Codec
from omma.pack.plan import Budget, Planned, build_plan
from omma.pack.rows import fitted_lengths
from omma.schema.manifest import manifest_hash
from omma.schema.sample import Sample
from omma.schema.talk import Eye


def order(
    samples: Sequence[Sample],
    codec: Codec,
    eye: Eye,
    *,
    mixture: Mapping[str, float],
    budget: Budget,
    seed: int,
    steps: int = 0,
    epochs: float = 0.0,
    stage: str = "",
    recipe: str = "",
) -> Planned:
    """Samples of a manifest → plan for one stage, of `steps` or of `epochs`; `.entries()` says what it leaves out."""
    sizes = fitted_lengths(samples, codec, eye, budget.tokens, budget.patches)
    return build_plan(
        sizes,
        [sample.id for sample in samples],
        [sample.source for sample in samples],
        mixture,
        budget,
        seed=seed,
        steps=steps,
        epochs=epochs,
        stage=stage,
        manifest=manifest_hash(samples),
        recipe=recipe,
    )
