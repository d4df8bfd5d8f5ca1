"""Fine-tuning of a released checkpoint on a folder of one's own. Needs weights.model=CHECKPOINT data.root=FOLDER."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.folder import Folder
from omma.curate.operators.decode import Decode
from omma.evaluate.benchmarks.reply_loss import ReplyLoss
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.adapters.lora import Lora
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage
from omma_recipes.systems.llava import llava_1_5_7b

# every weight but the tower's, at LLaVA-1.5's rate for conversations; a mixture of one's own may want less
WHOLE = Stage(
    name="sft",
    trains=("connector.*", "language.*"),
    optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)),
    schedule=Cosine(warmup=0.03),
    budget=Budget(tokens=8192, patches=16_384, bins_per_step=4),
    length=Epochs(count=1),
    micro_batches=4,
    precision="bf16",
    recompute="blocks",
)


def finetune_sft() -> Recipe:
    """Projector and language model of a released checkpoint on what a folder holds; LLaVA-1.5 7B until one is given."""
    return Recipe(
        id="finetune_sft",
        title="Fine-tuning of a released checkpoint",
        model=llava_1_5_7b().model,
        data=Data(sources={"folder": Folder()}, holdout=0.05, operators=(Decode(),)),
        stages=(WHOLE,),
        suite=(ReplyLoss(source="folder", limit=500),),
        claims=Claims(visual_tokens={"640x480": 576}, trainable={"sft": ("connector", "language")}),
    )


def finetune_lora() -> Recipe:
    """The same through adapters of rank 16 beside each matrix of the language model, held in bf16 as read; the rest is frozen."""
    base = finetune_sft()
    adapter = Lora(patterns={"language.*": 16}, alpha=32.0, dropout=0.05, base="bf16")
    stage = replace(WHOLE, trains=(), adapter=adapter, optimizer=AdamW(lr=2e-4, betas=(0.9, 0.999)))
    claims = replace(base.claims, trainable={"sft": ("language",)})
    return replace(base, id="finetune_lora", title="LoRA of a released checkpoint", stages=(stage,), claims=claims)
