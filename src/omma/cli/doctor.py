"""`omma doctor`: recipe + its data → what training would do, on the screen, before a step is run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.find import find_tree, no_model
from omma.cli.job import job
from omma.cli.screen import screen
from omma.cli.steps import curate_step, gather
from omma.model.slots import built_on_meta, num_parameters
from omma.model.vlm import Vlm
from omma.recipe import Contrast, Curation, Part, Recipe, VisionTower
from omma.schema.sample import Sample
from omma.schema.view import num_slots
from omma.train.doctor import Examination, StageFacts, examine, forecast
from omma.train.memory import Memory
from omma.train.stage import Stage
from omma.weights.source import open_source

Gpu = Annotated[float, typer.Option("--gpu", metavar="GIB", help="say whether a step fits into a device of so many GiB")]
Shapes = Annotated[bool, typer.Option("--shapes", help="estimate memory from the model's shapes alone, without data")]
SIZES = ((224, 224), (640, 480), (480, 640), (1920, 1080))
COMMON = 4  # sizes of the data that are shown beside these


def command(recipe: RecipeName, changes: Changes, parts: Parts, gpu: Gpu = 0.0, shapes: Shapes = False) -> None:
    """Tell what a recipe would do: who trains, visual tokens per picture, steps, tokens, FLOPs, memory, what is learnt.

    Reads the recipe and its data, which it curates and tokenizes first if that is not done. Writes no more than
    `omma curate` does; no training step is run and no model is filled. With --shapes only the model's shapes count: no
    data is read and nothing is written. That is all there is to a part, such as clip_vit_l_14, and to two towers (clip_small).

    Example: omma doctor finetune_lora --shapes --gpu 24
    """
    if shapes:
        tree = find_tree(recipe, changes=changes, parts=parts)
        if isinstance(tree, Curation):
            raise no_model(recipe)
        if isinstance(tree, Part | Contrast):
            screen().print(part_page(tree))
            return
        screen().print(memory_table({stage.name: shape_memory(tree, stage) for stage in tree.stages}, gpu))
        return
    with job(recipe, changes, parts) as work:
        curate_step(work)
        materials = gather(work)
        found = examine(work.recipe.stages, work.recipe.model, materials, recipe=work.recipe, seed=work.recipe.run.seed,
                        precision=stored_precision(work.recipe))  # fmt: skip
    out = screen()
    title = (
        f"\n{work.recipe.id}: {found.parameters:,} parameters, {found.samples:,} samples to learn from, {found.heldout:,} held out"
    )
    out.print(Text(title, style="bold"))
    out.print(visual_tokens(work.recipe.model, common_sizes(materials.samples)))
    for stage in found.stages:
        out.print(stage_page(stage))
    out.print(memory_table({stage.name: stage.memory for stage in found.stages}, gpu))
    out.print(previews(found))


def shape_memory(recipe: Recipe, stage: Stage) -> Memory:
    """Recipe + stage → memory of a step in which every token is learnt, without a look at data."""
    return forecast(stage, built_on_meta(recipe.model.build), precision=stored_precision(recipe))


def part_page(part: Part | Contrast) -> RenderableType:
    """Part → its values, what they take in each precision, and what a tower makes of pictures."""
    module = built_on_meta(part.build)
    table = Table(box=None, pad_edge=False, title=f"{part.title} ({part.id})", title_justify="left", title_style="bold")
    for name in ("part", "values", "bf16", "fp32"):
        table.add_column(name, justify="left" if name == "part" else "right")
    own = {name: child for name, child in module.named_children() if any(True for _ in child.parameters())}
    for name, child in {**own, "all": module}.items():
        values = num_parameters(child)
        table.add_row(name, f"{values:,}", size(2 * values), size(4 * values))
    if not isinstance(part, VisionTower):
        return table
    seen = Table(box=None, pad_edge=False, title="\nWhat a picture becomes", title_justify="left", title_style="bold")
    for name in ("picture", "features"):
        seen.add_column(name, justify="left" if name == "picture" else "right")
    for width, height in SIZES:
        seen.add_row(f"{width}×{height}", f"{part.num_features(width, height):,}")
    return Group(table, seen)


def stored_precision(recipe: Recipe) -> torch.dtype:
    """The precision that the model's values have in memory; where they stay as a folder stores them, its commonest one."""
    said, folder = recipe.weights.precision, recipe.weights.model
    if said != "stored" or not folder:
        return torch.bfloat16 if said == "bf16" else torch.float32
    kinds = Counter(tensor.dtype for tensor in open_source(Path(folder)).shards.stored.values())
    return kinds.most_common(1)[0][0]


def memory_table(memories: Mapping[str, Memory], gpu: float) -> Table:
    """Stages with their memory on one rank → a table; with the size of a device in GiB, whether they fit into it."""
    title = "\nMemory on one rank at full budgets (estimated)"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    names = ("stage", "recompute", "loading", "weights", "gradients", "optimizer", "activations", "logits", "most")
    for name in (*names, f"{gpu:g} GiB") if gpu else names:
        table.add_column(name, justify="left" if name in ("stage", "recompute") else "right")
    for name, memory in memories.items():
        for again in (False, True):
            most, held = memory.total_with(recompute=again), (memory.again if again else memory.whole).total
            parts = (memory.loading, memory.weights, memory.gradients, memory.optimizer, held, memory.logits, most)
            verdict = ["fits" if most <= gpu * 2**30 else f"lacks {size(round(most - gpu * 2**30))}"] if gpu else []
            style = "" if again == memory.recompute else "dim"
            table.add_row(name, "blocks" if again else "nothing", *map(size, parts), *verdict, style=style)
    return table


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
    lines = [
        f"{stage.steps:,} steps of {stage.bins_per_step} bins, {stage.fill:.1%} full; {stage.documents:,} documents",
        f"{stage.tokens:,} tokens, {stage.supervised:,} of them learnt; {stage.pictures:,} pictures, {stage.patches:,} patches",
        f"{stage.flops:.2e} FLOPs; {size(stage.memory.total)} of memory",
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
