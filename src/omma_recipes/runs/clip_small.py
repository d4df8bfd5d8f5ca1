"""A small CLIP from scratch on drawn scenes: a space for filters of pairs and for tests, trained within a minute."""

from omma.curate.data import Data
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.worlds.scenes import Scenes
from omma.media.views.fixed import Fixed
from omma.model.dual import Dual
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.recipe import Claims, Contrast, Run
from omma.train.contrast import ContrastStage
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine


def clip_small() -> Contrast:
    """Two towers of one block each over drawn scenes, by CLIP's loss, on one core: which caption belongs to which picture."""
    return Contrast(
        id="clip_small",
        title="A small CLIP from scratch",
        model=Dual(
            view=Fixed(size=32),
            encoder=ViT(
                patch=8,
                width=48,
                depth=1,
                heads=4,
                mlp_width=96,
                image_size=32,
                mean=(0.85,) * 3,
                std=(0.3,) * 3,
                class_token=True,
                features="all",
            ),
            language=Decoder(width=48, depth=1, heads=4, kv_heads=4, head_dim=12, mlp_width=96, tied=True),
            text=Chat(tokenizer=TrainedBpe(vocab_size=512)),
            dim=48,
            picture_pool="first",
            longest=64,
        ),
        data=Data(
            world=(Scenes(folder="scenes", num_pictures=800, num_heldout=200, flaws=0.0),),
            sources={"captions": CaptionsJsonl(path="scenes/train/captions.jsonl")},
            heldout={"captions": CaptionsJsonl(path="scenes/heldout/captions.jsonl")},
            operators=(Decode(), Caption(min_words=1)),
        ),
        stage=ContrastStage(
            steps=90, batch=64, optimizer=AdamW(lr=4e-3, weight_decay=0.05), schedule=Cosine(warmup=0.2), validate_every=30
        ),
        run=Run(threads=1, curate_workers=0, log_every=10),
        claims=Claims(parameters={"*": 81_553}),
    )
