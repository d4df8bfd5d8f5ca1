"""DeepSeek-VL2: SigLIP over a whole picture and its tiles, squares of patches, and a language model with experts."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.global_local import GlobalLocal
from omma.model.connectors.downsample_mlp import DownsampleMlp
from omma.model.language.decoder import Decoder
from omma.model.splices.lined import Lined
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.constant import Constant
from omma.train.schedules.cosine import Cosine
from omma.train.schedules.schedule import Schedule
from omma.train.schedules.wsd import Wsd
from omma.train.stage import Stage
from omma_recipes.parts.deepseek import DEEPSEEK_3B, DEEPSEEK_16B, DEEPSEEK_27B, deepseek_chat
from omma_recipes.parts.vision import SIGLIP_SO_384

GREY = (127, 127, 127)
BLOCK = 4 * (1152 * 1152 + 1152) + 2 * 1152 * 4304 + 4304 + 1152 + 4 * 1152
TOWER = 3 * 14 * 14 * 1152 + 1152 + 27 * 27 * 1152 + 27 * BLOCK + 2 * 1152  # patches, positions, blocks, last norm
DATA = Data(
    sources={
        "captions": LlavaJson(path="sharegpt4v.json", task="caption"),
        "interleaved": MessagesJsonl(path="interleaved.jsonl"),
        "instructions": MessagesJsonl(path="instructions.jsonl"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
CLAIMS = Claims(
    source="arXiv 2412.10302; token counts by 14·15 + 1 + 14 rows (14 columns + 1) of the released processor; totals of its "
    "inference.py (3.37B, 16.1B, 27.5B), which count 0.015B of SigLIP's unread pooling head",
    visual_tokens={"384x384": 421, "1152x1152": 2017, "768x384": 210 + 1 + 14 * 29, "384x768": 210 + 1 + 28 * 15},
    parameters={"encoder.*": TOWER},
    trainable={
        "align": ("connector", "encoder", "splice"),
        "pretrain": ("connector", "encoder", "language", "splice"),
        "instruct": ("connector", "encoder", "language", "splice"),
    },
)


def deepseek_vl2_tiny() -> Recipe:
    """DeepSeek-VL2-Tiny: 3B with 0.6B at work per token, plain attention, 64 experts of which six are chosen."""
    return _recipe(
        "deepseek-vl2-tiny", "DeepSeek-VL2 Tiny", DEEPSEEK_3B, 129_280, 3_355_263_088, rates=(5.4e-4, 5.4e-4, 3.0e-5), batch=2336
    )


def deepseek_vl2_small() -> Recipe:
    """DeepSeek-VL2-Small: 16B with 2.4B at work per token, latent attention."""
    return _recipe(
        "deepseek-vl2-small",
        "DeepSeek-VL2 Small",
        DEEPSEEK_16B,
        102_400,
        16_133_111_152,
        rates=(4.2e-4, 4.2e-4, 1.4e-5),
        batch=2976,
    )


def deepseek_vl2() -> Recipe:
    """DeepSeek-VL2: 27B with 4.1B at work per token, latent attention, sigmoid scores with a bias on the choice."""
    return _recipe(
        "deepseek-vl2", "DeepSeek-VL2", DEEPSEEK_27B, 129_280, 27_464_893_808, rates=(4.5e-4, 4.5e-4, 2.0e-5), batch=3360
    )


def _recipe(
    id: str, title: str, language: Decoder, rows: int, total: int, *, rates: tuple[float, float, float], batch: int
) -> Recipe:
    width = language.width
    connector = 4 * 1152 * width + width + width * width + width
    return Recipe(
        id=id,
        title=title,
        model=Vlm(
            view=GlobalLocal(size=384, fill=GREY),
            encoder=SIGLIP_SO_384,
            connector=DownsampleMlp(factor=2, depth=2),
            splice=Lined(),
            language=language,
            text=deepseek_chat(rows),
        ),
        data=DATA,
        stages=(
            _stage("align", ("encoder.*", "connector.*", "splice.*"), {"captions": 1.0}, rates[0], Cosine(warmup=0.03), 256),
            _stage("pretrain", ("*",), {"interleaved": 0.7, "captions": 0.3}, rates[1], Wsd(warmup=0.03), batch),
            _stage("instruct", ("*",), {"instructions": 1.0}, rates[2], Constant(warmup=0.03), 64),
        ),
        suite=(CaptionLoss(source="captions"),),
        claims=replace(CLAIMS, parameters=CLAIMS.parameters | {"connector.*": connector, "splice.*": 2 * width, "*": total}),
    )


def _stage(name: str, trains: tuple[str, ...], mixture: dict[str, float], lr: float, schedule: Schedule, sequences: int) -> Stage:
    """arXiv 2412.10302, table 2: sequences of 4,096 tokens, a tenth of the rate for the tower, weight decay 0.1."""
    return Stage(
        name=name,
        trains=trains,
        mixture=mixture,
        optimizer=AdamW(lr=lr, betas=(0.9, 0.95), weight_decay=0.1, groups={"encoder.*": 0.1}),
        schedule=schedule,
        budget=Budget(tokens=16_384, patches=65_536, bins_per_step=sequences // 4),
        precision="bf16",
        recompute="blocks",
    )


def _language(cfg: Decoder, rows: int) -> int:
    """Embedding and head, norms, attention of every layer, one dense branch, experts in all other layers."""
    assert cfg.experts is not None
    width, latent, experts = cfg.width, cfg.latent, cfg.experts
    attention = 4 * width * width
    if latent is not None:
        heads = cfg.heads * (latent.still_dim + cfg.head_dim + latent.value_dim)
        keys = latent.kv_rank * cfg.heads * (latent.still_dim + latent.value_dim)
        attention = width * heads + width * (latent.kv_rank + cfg.head_dim) + latent.kv_rank + keys
    chosen = experts.num * width + 3 * width * (experts.num * experts.width + experts.shared_width)
    layers = cfg.depth * (attention + 2 * width) + 3 * width * cfg.mlp_width + (cfg.depth - 1) * chosen
    return 2 * rows * width + layers + width
