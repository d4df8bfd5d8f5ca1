"""`omma new`: a folder of pictures with text → what is in it, and a recipe file that trains on it."""

import keyword
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from omma.cli.screen import screen
from omma.core.config import field_types
from omma.core.errors import ConfigError
from omma.core.files import write_text
from omma.curate.look import Findings, Found, look
from omma.curate.reader import Reader
from omma.schema.sample import Sample

SIDES = (64, 96, 128, 160, 224)  # px; multiples of a visual token of 2 x 2 patches of 16 px
SHOWN = 2  # examples, broken rows and missing pictures that are named
ASKED = 50  # samples of a source that are looked at for answers

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="the folder with pictures and their texts", show_default=False)]
Output = Annotated[str, typer.Option("--output", metavar="FILE.py", help="the recipe file (default: ./FOLDER_recipe.py)")]

HEAD = '''\
"""{title}: written by `omma new` after a look at {folder}. Change what you like.

    omma doctor {file}      what it would do
    omma run {file}         do it
"""

{imports}


def {name}() -> Recipe:
    """{title}, trained from scratch."""
    model = Vlm(
        view=Pad(size={side}),
        encoder=ViT(patch=16, width=192, depth=4, heads=4, mlp_width=768, image_size={side}),
        connector=PixelShuffle(factor=2),
        language=Decoder(width=192, depth=4, heads=4, kv_heads=4, head_dim=48, mlp_width=512, tied=True),
        text=Chat(tokenizer=TrainedBpe(vocab_size=2048)),
    )
    data = Data(
        root={root!r},
        sources={{
{sources}
        }},
        holdout=0.1,
        operators=({operators}),
    )
    return Recipe(
        id="{name}",
        title="{title}",
        model=model,
        data=data,
        stages=(
{stages}
        ),
        suite=(
{suite}
        ),
    )
'''
IMPORTS = {
    "Data": "omma.curate.data",
    "Decode": "omma.curate.operators.decode",
    "Size": "omma.curate.operators.size",
    "Aspect": "omma.curate.operators.aspect",
    "ExactHash": "omma.curate.operators.exact_hash",
    "PerceptualHash": "omma.curate.operators.perceptual_hash",
    "Pad": "omma.media.views.pad",
    "PixelShuffle": "omma.model.connectors.pixel_shuffle",
    "Decoder": "omma.model.language.decoder",
    "ViT": "omma.model.vision.vit",
    "Vlm": "omma.model.vlm",
    "Chat": "omma.pack.chat",
    "Budget": "omma.pack.plan",
    "TrainedBpe": "omma.pack.tokenizers.trained_bpe",
    "Recipe": "omma.recipe",
    "Muon": "omma.train.optimizers.muon",
    "Cosine": "omma.train.schedules.cosine",
    "Epochs": "omma.train.stage",
    "Stage": "omma.train.stage",
}
BENCHMARKS = {
    "CaptionLoss": "omma.evaluate.benchmarks.caption_loss",
    "Accuracy": "omma.evaluate.accuracy",
}
STAGE = """\
            Stage(
                name="{name}",
                mixture={mixture},
                optimizer=Muon(lr=0.02, adamw_lr=2e-3),
                schedule=Cosine(warmup=0.03),
                budget=Budget(tokens=4096, patches=4096, bins_per_step=1),
                length=Epochs(count={epochs}),
            ),"""


def command(folder: Folder, output: Output = "") -> None:
    """Look at a folder of pictures with text, say what is there, and write a recipe that trains on it.

    Reads annotations and picture headers below the folder. Writes one Python file with a recipe, never over another.

    Example: omma new my/photos
    """
    findings = look(folder)
    file = Path(output or f"{recipe_name(folder)}_recipe.py")
    if file.exists():
        raise ConfigError(str(file), "is there already", "", "give another name with --output FILE.py")
    tell(findings)
    write_text(file, recipe_text(findings, file))
    typed = file if file.is_absolute() else f"./{file}"
    screen().print(f"\nwrote {file}; next: omma doctor {typed}, then: omma run {typed}", markup=False, soft_wrap=True)


def tell(findings: Findings) -> None:
    """Findings → lines on the screen."""
    out = screen()
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in findings.endings.items()) or "none as files"
    sizes = f", {span(findings.widths)} px wide, {span(findings.heights)} px high" if findings.pictures else ""
    out.print(f"{findings.folder}: {findings.files:,} files; pictures: {kinds}{sizes}", markup=False, soft_wrap=True)
    for item in findings.found:
        out.print(f"\n{item.summary}", markup=False, soft_wrap=True)
        for line in details(item):
            out.print(f"  {line}", markup=False, soft_wrap=True)
    for name in findings.unreadable[:SHOWN]:
        out.print(f"not a picture: {name}", markup=False, soft_wrap=True)


def details(item: Found) -> Iterator[str]:
    """What a person would like to know of one set of annotations."""
    yield f"about {item.words} words each; letters: {', '.join(item.scripts) or 'none'}"
    if tasks := [f"{name} {count:,}" for name, count in islice(item.tasks.items(), 8) if name]:
        yield f"tasks: {', '.join(tasks)}"
    for uri, text in item.examples[:SHOWN]:
        yield f"such as {uri}: {' '.join(text.split())[:80]!r}"
    for broken in item.broken[:SHOWN]:
        yield f"broken: {broken.where}: {broken.reason}"
    for uri in item.missing[:SHOWN]:
        yield f"missing: {uri}"


def recipe_text(findings: Findings, file: Path) -> str:
    """Findings → the source of a recipe file."""
    name, sources = recipe_name(findings.folder), findings.sources
    suite = [line for key, item in zip(sources, findings.found, strict=True) for line in benchmarks(key, item, findings.folder)]
    used = {word for line in suite for word in re.findall(r"[A-Z]\w+(?=\()", line)}
    places = IMPORTS | {kind: BENCHMARKS[kind] for kind in used} | {type(r).__name__: type(r).__module__ for r in sources.values()}
    by_module: dict[str, list[str]] = {}
    for kind, module in places.items():
        by_module.setdefault(module, []).append(kind)
    return HEAD.format(
        title=findings.folder.resolve().name.replace('"', "'"),
        folder=findings.folder,
        file=file if file.is_absolute() else f"./{file}",
        imports="\n".join(f"from {module} import {', '.join(sorted(kinds))}" for module, kinds in sorted(by_module.items())),
        name=name,
        side=side(findings),
        root=str(findings.folder),
        sources="\n".join(f'            "{key}": {written(reader)},' for key, reader in sources.items()),
        operators="Decode(), Size(min_side=16), Aspect(max_ratio=5.0), ExactHash(), PerceptualHash()",
        stages="\n".join(stages(sources, findings.found)),
        suite="\n".join(f"            {line}," for line in suite),
    )


def stages(sources: dict[str, Reader], found: tuple[Found, ...]) -> Iterator[str]:
    """Captions first where there are both, then everything together."""
    captioned = [key for key, item in zip(sources, found, strict=True) if item.captions]
    if captioned and len(captioned) < len(sources):
        yield STAGE.format(name="captions", mixture={key: 1.0 for key in captioned}, epochs=2)
        yield STAGE.format(name="instruct", mixture="{}", epochs=4)
    else:
        yield STAGE.format(name="learn", mixture="{}", epochs=6)


def benchmarks(source: str, item: Found, folder: Path) -> Iterator[str]:
    """What can be measured on one source: loss of captions, and right answers where the samples hold them."""
    if item.captions:
        yield f'CaptionLoss(name="{source}_loss", source="{source}", limit=500)'
    if any(isinstance(sample, Sample) and sample.answer for sample in islice(item.reader.read(folder), ASKED)):
        yield f'Accuracy(name="{source}", source="{source}", limit=1000)'


def written(reader: Reader) -> str:
    """Reader → the Python call that makes it, defaults left out."""
    plain = type(reader)()
    values = {key: getattr(reader, key) for key in field_types(type(reader)) if getattr(reader, key) != getattr(plain, key)}
    return f"{type(reader).__name__}({', '.join(f'{key}={value!r}' for key, value in values.items())})"


def side(findings: Findings) -> int:
    """Findings → px a side: the median picture's longer side, rounded up to a size that trains on two cores."""
    longer = max(findings.widths[1], findings.heights[1])
    return next((size for size in SIDES if size >= longer), SIDES[-1])


def recipe_name(folder: Path) -> str:
    """Folder → a Python name for its recipe."""
    name = re.sub(r"\W+", "_", folder.resolve().name.lower()).strip("_") or "mine"
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"my_{name}"


def span(values: tuple[int, int, int]) -> str:
    """(least, median, most) → words."""
    least, median, most = values
    return f"{median}" if least == most else f"{least} to {most} (half of them up to {median})"
