"""The LLaVA line up to 1.6 and ViP-LLaVA: CLIP, a projector, Vicuna; the projector on captions, then also the language model."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.best_fit import BestFit
from omma.media.views.crop import Crop
from omma.media.views.pad import Pad
from omma.model.connectors.linear import Linear
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.normed_mlp import NormedMlp
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage
from omma_recipes.parts.language import VICUNA_7B, VICUNA_7B_V1
from omma_recipes.parts.llava import CLIP_L_224, MISTRAL_7B, VICUNA_13B, YI_34B, chatml_direct, instruct
from omma_recipes.parts.speech import vicuna
from omma_recipes.parts.vision import CLIP_L_336

CLIP_GREY = (122, 116, 104)  # CLIP's mean colour, with which LLaVA-1.5 pads
CLAIMED = {"language.*": 6_738_415_616}  # parameters of Vicuna-7B
CLAIMED_13B = {"language.*": 13_015_864_320}  # of Vicuna-13B
PARTS = {"align": ("connector",), "instruct": ("connector", "language")}

DATA = Data(
    sources={
        "captions": LlavaJson(path="blip_laion_cc_sbu_558k.json", task="caption"),
        "instructions": LlavaJson(path="llava_v1_5_mix665k.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)

# LLaVA scripts/v1_5 and README: 558K captions at batch 256 and 1e-3, then 665K conversations at batch 128 and 2e-5, each once,
# without weight decay; bins stand for batches
STAGES = (
    Stage(
        name="align",
        trains=("connector.*",),
        mixture={"captions": 1.0},
        optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999)),
        schedule=Cosine(warmup=0.03),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=8),
        length=Epochs(count=1),
        precision="bf16",
        recompute="blocks",
    ),
    Stage(
        name="instruct",
        trains=("connector.*", "language.*"),
        mixture={"instructions": 1.0},
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)),
        schedule=Cosine(warmup=0.03),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=8),
        length=Epochs(count=1),
        precision="bf16",
        recompute="blocks",
    ),
)


def llava_1_5_7b() -> Recipe:
    """LLaVA-1.5 7B: pictures padded to a square, 576 visual tokens, a two-layer projector."""
    return Recipe(
        id="llava-1-5",
        title="LLaVA-1.5 7B",
        model=Vlm(
            view=Pad(size=336, fill=CLIP_GREY),
            encoder=CLIP_L_336,
            connector=Mlp(depth=2),
            language=VICUNA_7B,
            text=vicuna(32_000),
        ),
        data=DATA,
        stages=STAGES,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2310.03744; haotian-liu/LLaVA scripts/v1_5 and README; lmsys/vicuna-7b-v1.5 config.json",
            visual_tokens={"640x480": 576, "336x336": 576, "100x2000": 576},
            parameters=CLAIMED | {"connector.*": 20_979_712, "*": 7_050_304_512},
            trainable=PARTS,
        ),
    )


def llava_1_5_13b() -> Recipe:
    """LLaVA-1.5 13B: the same over Vicuna-13B."""
    base = llava_1_5_7b()
    claims = replace(
        base.claims, parameters=CLAIMED_13B | {"connector.*": 1024 * 5120 + 5120 + 5120 * 5120 + 5120, "*": 13_338_241_024}
    )
    model = replace(base.model, language=VICUNA_13B)
    return replace(base, id="llava-1-5-13b", title="LLaVA-1.5 13B", model=model, claims=claims)


def llava_7b() -> Recipe:
    """LLaVA 7B: the middle square of 224 px, 256 visual tokens, one linear projection."""
    base = llava_1_5_7b()
    view = Crop(size=224, edge=224)
    model = replace(base.model, view=view, encoder=CLIP_L_224, connector=Linear(), language=VICUNA_7B_V1)
    claims = replace(
        base.claims,
        source="arXiv 2304.08485; haotian-liu/LLaVA scripts/pretrain.sh and finetune_full_schedule.sh; lmsys/vicuna-7b-v1.3 "
        "config.json",
        visual_tokens={"640x480": 256, "224x224": 256, "100x2000": 256},
        parameters=CLAIMED | {"connector.*": 1024 * 4096 + 4096, "*": 7_033_195_520},
    )
    captions, instructions = LlavaJson(path="chat.json", task="caption"), LlavaJson(path="llava_instruct_150k.json")
    # 595K pairs at batch 128 and 2e-3, then 158K conversations thrice at batch 32 and 2e-5
    small, smallest = replace(STAGES[0].budget, bins_per_step=2), replace(STAGES[1].budget, bins_per_step=1)
    align = replace(STAGES[0], optimizer=AdamW(lr=2e-3, betas=(0.9, 0.999)), budget=small)
    instruct_thrice = replace(STAGES[1], length=Epochs(count=3), budget=smallest)
    data = replace(DATA, sources={"captions": captions, "instructions": instructions})
    return replace(base, id="llava", title="LLaVA 7B", model=model, data=data, stages=(align, instruct_thrice), claims=claims)


def llava_next_7b() -> Recipe:
    """LLaVA-NeXT 7B (Vicuna): any resolution, a base tile and up to four detail tiles with newlines, all parts trained."""
    base = llava_1_5_7b()
    view = BestFit(size=336, pinpoints=((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)), fill=(0, 0, 0))
    # the tower learns at 2e-6; 128 conversations of up to 2,928 visual tokens in a step
    instruct_all = replace(
        STAGES[1],
        trains=("*",),
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), groups={"encoder.*": 0.1}),
        budget=replace(STAGES[1].budget, bins_per_step=22),
    )
    claims = Claims(
        source="config.json of liuhaotian/llava-v1.6-mistral-7b and -34b for grids and the rate of the tower; transformers "
        "LlavaNextProcessor for token counts; the other rate and the batch are not published: those of LLaVA-1.5, as "
        "xiaoachen98/Open-LLaVA-NeXT takes them",
        visual_tokens={"672x672": 576 + 48 * 49, "336x672": 576 + 48 * 25, "1008x336": 576 + 24 * 73},
        parameters=CLAIMED | {"connector.*": 20_979_712, "splice.*": 4096, "*": 7_050_308_608},
        trainable={"align": ("connector",), "instruct": ("connector", "encoder", "language", "splice")},
    )
    return replace(
        base,
        id="llava-next",
        title="LLaVA-NeXT 7B",
        model=replace(base.model, view=view),
        data=replace(DATA, sources={**DATA.sources, "instructions": LlavaJson(path="llava_1_6.json")}),
        stages=(STAGES[0], instruct_all),
        claims=claims,
    )


def llava_next_mistral_7b() -> Recipe:
    """LLaVA-NeXT 7B over Mistral-Instruct 0.2, in Mistral's own format."""
    base = llava_next_7b()
    model = replace(base.model, language=MISTRAL_7B, text=instruct(32_064))
    # 7,241,732,096 of Mistral-7B, and 64 further rows of embedding and head as llava-hf has them
    parameters = base.claims.parameters | {"language.*": 7_241_732_096 + 2 * 64 * 4096, "*": 7_554_149_376}
    claims = replace(base.claims, source=f"{base.claims.source}; llava-hf/llava-v1.6-mistral-7b-hf", parameters=parameters)
    return replace(base, id="llava-next-mistral", title="LLaVA-NeXT Mistral 7B", model=model, claims=claims)


def llava_next_13b() -> Recipe:
    """LLaVA-NeXT 13B: the same over Vicuna-13B."""
    base = llava_next_7b()
    sizes = CLAIMED_13B | {"connector.*": 1024 * 5120 + 5120**2 + 2 * 5120, "splice.*": 5120, "*": 13_338_246_144}
    model, claims = replace(base.model, language=VICUNA_13B), replace(base.claims, parameters=sizes)
    return replace(base, id="llava-next-13b", title="LLaVA-NeXT 13B", model=model, claims=claims)


def llava_next_34b() -> Recipe:
    """LLaVA-NeXT 34B: the same over Nous-Hermes-2-Yi-34B, in ChatML without line ends."""
    base = llava_next_7b()
    # 34,388,917,248 of Yi-34B, and 64 further rows of embedding and head as llava-hf has them
    language = 34_388_917_248 + 2 * 64 * 7168
    sizes = {"language.*": language, "connector.*": 1024 * 7168 + 7168**2 + 2 * 7168, "splice.*": 7168, "*": 34_739_485_696}
    model, claims = replace(base.model, language=YI_34B, text=chatml_direct(64_064)), replace(base.claims, parameters=sizes)
    return replace(base, id="llava-next-34b", title="LLaVA-NeXT 34B", model=model, claims=claims)


def vip_llava_7b() -> Recipe:
    """ViP-LLaVA 7B: five layers of the tower side by side, normed, so that marks drawn on a picture are seen."""
    base = llava_1_5_7b()
    encoder = replace(CLIP_L_336, feature_layer=(-2, -5, -8, -11, 6))
    model = replace(base.model, encoder=encoder, connector=NormedMlp())
    connector = 2 * 5120 + 5120 * 4096 + 4096 + 4096 * 4096 + 4096
    claims = replace(
        base.claims,
        source="arXiv 2312.00784; WisconsinAIVision/ViP-LLaVA scripts, README and clip_4layer_encoder.py",
        parameters=CLAIMED | {"connector.*": connector, "*": 7_067_091_968},
        trainable=PARTS | {"refine": PARTS["instruct"]},
    )
    instructions, refined = LlavaJson(path="vip-llava_stage2_mix.json"), LlavaJson(path="vip-llava_stage3_mix.json")
    data = replace(DATA, sources={**DATA.sources, "instructions": instructions, "refined": refined})
    # a third stage on what GPT-4V said, at a hundredth of the rate
    refine = replace(STAGES[1], name="refine", mixture={"refined": 1.0}, optimizer=AdamW(lr=2e-7, betas=(0.9, 0.999)))
    stages = (*STAGES, refine)
    return replace(base, id="vip-llava", title="ViP-LLaVA 7B", model=model, data=data, stages=stages, claims=claims)
