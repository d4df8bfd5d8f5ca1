"""The quickstart: drawn scenes with real handwritten digits, dirty on purpose, to a small model that talks about them."""

from omma.curate.data import Data
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.worlds.scenes import Scenes as ScenesWorld
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.scenes import Scenes
from omma.media.views.fixed import Fixed
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.objective.next_token import NextToken
from omma.pack.chat import Chat
from omma.pack.markup.box_bins import BoxBins
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.recipe import Claims, Recipe, Run
from omma.train.optimizers.muon import Muon
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage, Steps

CANVAS = 72  # three cells of 24 px a side; a visual token covers one of 3 x 3 such cells


def quickstart() -> Recipe:
    """Raw drawn scenes to a scored model in minutes on two CPU cores, from scratch."""
    return Recipe(
        id="quickstart",
        title="Scenes of shapes and handwritten digits, from scratch",
        model=Vlm(
            view=Fixed(size=CANVAS),
            encoder=NativeViT(patch=12, width=96, depth=2, heads=4, mlp_width=384, mean=(0.85,) * 3, std=(0.3,) * 3),
            connector=PixelShuffle(factor=2),
            language=Decoder(width=96, depth=3, heads=4, kv_heads=4, head_dim=24, mlp_width=256, qk_norm="rms", tied=True),
            text=Chat(
                tokenizer=TrainedBpe(vocab_size=512), markup=BoxBins(bins=36, frame="unit"), caption_prompts=("what do you see?",)
            ),
        ),
        data=Data(
            world=(ScenesWorld(folder="scenes", num_pictures=8000, num_heldout=700, size=CANVAS),),
            sources={
                "captions": CaptionsJsonl(path="scenes/train/captions.jsonl"),
                "questions": MessagesJsonl(path="scenes/train/questions.jsonl"),
            },
            heldout={
                "captions": CaptionsJsonl(path="scenes/heldout/captions.jsonl"),
                "questions": MessagesJsonl(path="scenes/heldout/questions.jsonl"),
            },
            operators=(
                Decode(),
                Size(min_side=16),
                Aspect(max_ratio=5.0),
                Caption(min_words=1),
                ExactHash(),
                PerceptualHash(),
                Agreement(),
            ),
            max_errors=0.2,
            turns=6,
        ),
        stages=(
            Stage(
                name="align",
                trains=("connector.*",),
                mixture={"captions": 1.0},
                optimizer=Muon(lr=0.02, adamw_lr=2e-3, matrices=("connector.*",)),
                schedule=Cosine(warmup=0.1),
                budget=Budget(tokens=2048, patches=1728, bins_per_step=1),
                length=Steps(count=30),
            ),
            Stage(
                name="instruct",
                mixture={"captions": 0.3, "questions": 0.7},
                objective=NextToken(weighting="sqrt"),  # a caption has four times the words of an answer
                optimizer=Muon(lr=0.01, adamw_lr=2e-3),
                schedule=Cosine(warmup=0.01),
                budget=Budget(tokens=2048, patches=1728, bins_per_step=1),
                length=Steps(count=3000),
            ),
        ),
        suite=(Scenes(source="questions", limit=1500), CaptionLoss(source="captions", limit=300, shown=12)),
        run=Run(curate_workers=2, log_every=20, checkpoint_every=500),
        claims=Claims(visual_tokens={"72x72": 9, "64x640": 9}, trainable={"align": ("connector",)}),
    )
