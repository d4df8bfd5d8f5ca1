"""A small captioner from scratch on captions.jsonl and a folder of photos. Needs data.root=FOLDER."""

from omma.curate.data import Data
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.fixed import Fixed
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.recipe import Claims, Recipe
from omma.train.optimizers.muon import Muon
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage, Steps


def captions_small() -> Recipe:
    """A thousand photos, five captions each: what a picture is worth in nats per caption token, on photos never seen."""
    return Recipe(
        id="captions_small",
        title="A small captioner from scratch",
        model=Vlm(
            view=Fixed(size=96),
            encoder=NativeViT(patch=12, width=96, depth=2, heads=4, mlp_width=384, mean=(0.45,) * 3, std=(0.27,) * 3),
            connector=PixelShuffle(factor=2),
            language=Decoder(width=96, depth=3, heads=4, kv_heads=4, head_dim=24, mlp_width=256, qk_norm="rms", tied=True),
            text=Chat(tokenizer=TrainedBpe(vocab_size=1536)),
        ),
        data=Data(
            sources={"captions": CaptionsJsonl(path="captions.jsonl")},
            holdout=0.15,
            operators=(Decode(), Size(min_side=32), Aspect(max_ratio=5.0), Caption(min_words=3), ExactHash(), PerceptualHash()),
        ),
        stages=(
            Stage(
                name="train",
                optimizer=Muon(lr=0.01, adamw_lr=2e-3, weight_decay=0.1),
                schedule=Cosine(warmup=0.05),
                budget=Budget(tokens=2048, patches=4096, bins_per_step=1),
                length=Steps(count=500),
                validate_every=50,
            ),
        ),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(visual_tokens={"224x151": 16}),
    )
