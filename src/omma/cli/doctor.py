"""`omma doctor`: recipe + its data → what training would do, on the screen, before a step is run."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.job import job
from omma.cli.scores import screen
from omma.cli.steps import curate_step, gather
from omma.model.vlm import Vlm
from omma.schema.sample import Sample
from omma.schema.view import num_slots
from omma.train.doctor import Examination, StageFacts, examine

SIZES = ((224, 224), (640, 480), (480, 640), (1920, 1080))
COMMON = 4  # sizes of the data that are shown beside these


def command(recipe: RecipeName, changes: Changes, parts: Parts) -> None:
    """Tell what a recipe would do: who trains, visual tokens per picture, steps, tokens, FLOPs, memory, what is learnt.

    Reads the recipe and its data, which it curates and tokenizes first if that is not done. Writes no more than
    `omma curate` does; no training step is run and no model is filled.

    Example: omma doctor quickstart stages.instruct.budget.tokens=4096
    """
    with job(recipe, changes, parts) as work:
        curate_step(work)
        materials = gather(work)
        found = examine(work.recipe.stages, work.recipe.model, materials, recipe=work.recipe, seed=work.recipe.run.seed)
    out = screen()
    title = (
        f"\n{work.recipe.id}: {found.parameters:,} parameters, {found.samples:,} samples to learn from, {found.heldout:,} held out"
    )
    out.print(Text(title, style="bold"))
    out.print(visual_tokens(work.recipe.model, common_sizes(materials.samples)))
    for stage in found.stages:
        out.print(stage_page(stage))
    out.print(previews(found))


def common_sizes(samples: Iterable[Sample]) -> list[tuple[int, int]]:
    """The commonest picture sizes of the samples."""
    sizes = Counter((media.width, media.height) for sample in samples for media in sample.media if media.width)
    return [size for size, _ in sizes.most_common(COMMON)]


def visual_tokens(model: Vlm, common: list[tuple[int, int]]) -> Table:
    """Model + picture sizes → what each costs: tiles, patches, visual slots."""
    table = Table(box=None, pad_edge=False, title="What a picture becomes", title_justify="left", title_style="bold")
    for name in ("picture", "tiles", "patches", "visual tokens"):
        table.add_column(name, justify="left" if name == "picture" else "right")
    for width, height in dict.fromkeys((*common, *SIZES)):
        plan = model.plan(width, height)
        slots = num_slots(model.layout(plan))
        note = " (in the data)" if (width, height) in common else ""
        table.add_row(f"{width}×{height}{note}", f"{len(plan.tiles)}", f"{plan.num_patches(model.patch):,}", f"{slots:,}")
    return table


def stage_page(stage: StageFacts) -> RenderableType:
    """One stage as a table of parts and lines of facts."""
    table = Table(box=None, pad_edge=False, title=f"\nStage {stage.name}", title_justify="left", title_style="bold")
    for name in ("part", "tensors", "values", "trained tensors", "trained values"):
        table.add_column(name, justify="left" if name == "part" else "right")
    for part in stage.parts:
        row = (f"{part.tensors:,}", f"{part.values:,}", f"{part.trained_tensors:,}", f"{part.trained_values:,}")
        table.add_row(part.part, *row, style="" if part.trained_values else "dim")
    memory = stage.memory
    lines = [
        f"{stage.steps:,} steps of {stage.bins_per_step} bins, {stage.fill:.1%} full; {stage.documents:,} documents",
        f"{stage.tokens:,} tokens, {stage.supervised:,} of them learnt; {stage.pictures:,} pictures, {stage.patches:,} patches",
        f"{stage.flops:.2e} FLOPs; {size(memory.total)} of memory: weights {size(memory.weights)}, "
        f"gradients {size(memory.gradients)}, optimizer {size(memory.optimizer)}, "
        f"activations {size(memory.activations)}, logits {size(memory.logits)}",
        "samples: " + ", ".join(f"{count:,} from {source}" for source, count in stage.samples_by_source.items()),
    ]
    lines += [f"{verdict}: {count:,}, such as {stage.outcome_examples[verdict]}" for verdict, count in stage.outcomes.items()]
    return Group(table, *map(Text, lines))


def previews(found: Examination) -> RenderableType:
    """Samples as the model reads them; green is what it learns to say."""
    shown = [line for text in found.previews for line in (Text(), text)]
    return Group(Text("\nWhat is learnt (green)", style="bold"), *shown)


def size(count: int) -> str:
    """Bytes → words."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
