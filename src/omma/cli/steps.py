"""Steps: the parts of the whole way, each skipped when its mark says that it is done. Verbs are short chains of these."""

from functools import partial
from pathlib import Path

from omma.cli.job import Job
from omma.core.config import packages
from omma.core.errors import CheckpointError, ConfigError
from omma.core.progress import say
from omma.core.runs import ANNEX
from omma.curate.job import conversations, curate
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.generate.sight import Sight
from omma.generate.talker import Talker
from omma.media.store import Store
from omma.model.vlm import VlmModule
from omma.pack.chat import Chat
from omma.pack.codec import Codec
from omma.recipe import Contrast, Recipe
from omma.report.write import write_report
from omma.schema.manifest import read_manifest
from omma.schema.plan import Plan
from omma.schema.verdict import Checkpoint
from omma.train.adapters.files import FOLDER
from omma.train.adapters.released import release_adapter
from omma.train.course import Materials
from omma.train.job import train
from omma.train.loop import Settings
from omma.train.plans import plan_stages
from omma.train.stage import Stage
from omma.weights.native import load_model
from omma.weights.start import Hold, as_they_are, saved_words, start_model


def curate_step(job: Job) -> None:
    """Raw samples → manifests, once."""
    run = job.recipe.run
    if job.world.leads and not _is_done(job, "curate"):
        with job.clock.part("curate"):
            curate(job.recipe.data, job.run, seed=run.seed, workers=run.curate_workers, engine=run.engine)
    job.world.wait()


def gather(job: Job) -> Materials:
    """Manifests + tokenizer (made once) → what stages read."""
    train, heldout = (read_manifest(job.run / f"data/{name}.parquet") for name in ("train", "heldout"))
    samples = conversations(job.recipe.data, train, job.recipe.run.seed)
    text, folder = chat(job.recipe), job.run / "tokenizer"
    if job.world.leads and job.run.done("tokenizer") is None:
        with job.clock.part("tokenizer"):
            brought = saved_words(job.recipe.weights)
            text.load(brought).save(folder) if brought else text.fit(samples, folder)
            job.run.finish("tokenizer", vocab_size=text.vocab_size)
    job.world.wait()
    return Materials(samples, heldout, text.load(folder), job.recipe.model, Store(data_root(job), job.run / ANNEX))


def plan_step(job: Job, materials: Materials) -> dict[str, Plan]:
    """Samples + tokenizer → the plan of every stage, made anew only if something it depends on has changed."""
    if not job.world.leads:
        return {}
    with job.clock.part("plan"):
        plans = plan_stages(job.recipe.stages, materials, job.run, recipe=job.recipe, seed=job.recipe.run.seed)
    job.run.finish("plan", steps={name: plan.num_steps for name, plan in plans.items()})
    return plans


def fresh_model(job: Job) -> VlmModule:
    """Recipe → the model before its first step: weights of the folders that it names, and random ones."""
    recipe, first = job.recipe, job.recipe.stages[:1]
    hold: Hold = as_they_are
    if first and job.run.done(f"train-{first[0].name}") is None:  # later stages begin with merged weights
        hold = partial(first[0].adapter.hold, trains=first[0].trains, where=f"stages.{first[0].name}")
    return start_model(recipe.model, recipe.weights, recipe.run.seed, packages(recipe), hold, job.world.device)


def train_step(job: Job, module: VlmModule, materials: Materials, *, score: bool) -> list[Checkpoint]:
    """Train all stages from wherever they stopped → final checkpoints; with `score`, evaluate after each."""
    run = job.recipe.run
    settings = Settings(
        seed=run.seed, workers=run.workers, log_every=run.log_every, checkpoint_every=run.checkpoint_every, keep_last=run.keep_last
    )

    def after(stage: Stage, checkpoint: Checkpoint) -> None:
        if (checkpoint.folder / FOLDER).is_dir():
            adapter_step(job, stage, checkpoint)
        if score:
            evaluate_step(job, module, materials, f"after-{stage.name}")

    with job.clock.part("train"):
        return train(
            job.recipe.stages,
            module,
            materials,
            job.run,
            recipe=job.recipe,
            world=job.world,
            settings=settings,
            after_stage=after,
        )


def adapter_step(job: Job, stage: Stage, checkpoint: Checkpoint) -> None:
    """A stage's adapter → the same under the names of the released layout, if the model has one."""
    first = stage == job.recipe.stages[0]
    try:
        folder = release_adapter(checkpoint.folder, job.recipe.model, job.recipe.weights.model if first else "")
    except CheckpointError as error:
        say(f"adapter of {stage.name}: only under omma's names; {error}")
    else:
        say(f"adapter of {stage.name}: {folder}")


def evaluate_step(job: Job, module: VlmModule, materials: Materials, moment: str, sight: Sight = "picture") -> None:
    """Model → records and verdicts of one moment, once; nothing for a recipe without a suite."""
    if not (job.world.leads and job.recipe.suite) or _is_done(job, f"eval-{moment}"):
        return
    with job.clock.part(f"evaluate {moment}"):
        talker = Talker(module, materials.codec, materials.eye, materials.store, job.world.device)
        train = read_manifest(job.run / "data/train.parquet")  # single questions with their answers, not conversations
        evaluate(job.recipe.suite, talker, Supply(materials.heldout, train), job.run / f"eval/{moment}", sight)
    job.run.finish(f"eval-{moment}")


def catch_up(job: Job, checkpoints: list[Checkpoint], materials: Materials) -> None:
    """Score the final checkpoints of stages that were trained without being scored, as `omma train` does."""
    for checkpoint in checkpoints:
        if job.world.leads and job.run.done(f"eval-after-{checkpoint.stage}") is None:
            module = load_model(checkpoint.folder, job.recipe.model, job.world.device)
            evaluate_step(job, module, materials, f"after-{checkpoint.stage}")


def report_step(job: Job) -> Path:
    """Run folder → its report."""
    with job.clock.part("report"):
        return write_report(job.run)


def chat(recipe: Recipe | Contrast) -> Chat:
    """The recipe's text slot; ConfigError if it cannot be fitted and loaded."""
    if not isinstance(recipe.model.text, Chat):
        raise ConfigError("model.text", type(recipe.model.text).__name__, "a Chat (omma.pack.chat.Chat)")
    return recipe.model.text


def codec_of(job: Job) -> Codec:
    """The tokenizer that the run has made; CheckpointError before that."""
    if job.run.done("tokenizer") is None:
        raise CheckpointError(str(job.run / "tokenizer"), "no tokenizer yet", "", "run `omma plan` first")
    return chat(job.recipe).load(job.run / "tokenizer")


def data_root(job: Job) -> Path:
    """Where the pictures lie: the data root, or the folder that drawn worlds fill."""
    return Path(job.recipe.data.root) if job.recipe.data.root else job.run / "raw"


def _is_done(job: Job, step: str) -> bool:
    done = job.run.done(step) is not None
    if done:
        say(f"{step}: done already")
    return done
