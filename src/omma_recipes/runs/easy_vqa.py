"""easy-VQA from scratch: pictures of one shape, questions with thirteen answers. Needs data.root=FOLDER (the set's own layout)."""

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.readers.easy_vqa import EasyVqa as EasyVqaReader
from omma.evaluate.benchmarks.easy_vqa import EasyVqa
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


def easy_vqa() -> Recipe:
    """easy-VQA (github.com/vzhou842/easy-VQA): shape, colour and yes/no questions on 64 px; scored on held-out pictures."""
    return Recipe(
        id="easy_vqa",
        title="easy-VQA from scratch",
        model=Vlm(
            view=Fixed(size=64),
            encoder=NativeViT(patch=8, width=96, depth=2, heads=4, mlp_width=384, mean=(0.85,) * 3, std=(0.3,) * 3),
            connector=PixelShuffle(factor=2),
            language=Decoder(width=96, depth=3, heads=4, kv_heads=4, head_dim=24, mlp_width=256, qk_norm="rms", tied=True),
            text=Chat(tokenizer=TrainedBpe(vocab_size=400)),
        ),
        data=Data(
            sources={"easy_vqa": EasyVqaReader(path="train")},
            holdout=0.1,
            operators=(Decode(), ExactHash()),
            turns=10,
        ),
        stages=(
            Stage(
                name="train",
                optimizer=Muon(lr=0.01, adamw_lr=2e-3),
                schedule=Cosine(warmup=0.02),
                budget=Budget(tokens=2048, patches=2048, bins_per_step=1),
                length=Steps(count=2000),
                validate_every=200,
            ),
        ),
        suite=(EasyVqa(source="easy_vqa", limit=2000),),
        claims=Claims(visual_tokens={"64x64": 16}),
    )
