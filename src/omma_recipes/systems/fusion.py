"""Fused features: MouSi's pair of vision experts, Ferret-v2's whole and parts, Florence-VL's depth and breadth, SPHINX's towers."""

from dataclasses import replace

from omma.curate.reader import Reader
from omma.curate.readers.llava_json import LlavaJson
from omma.media.views.best_fit import BestFit
from omma.media.views.pad import Pad
from omma.media.views.quarters import Quarters
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.normed_pair import NormedPair
from omma.model.connectors.upsample_add import UpsampleAdd
from omma.model.vision.conv_next import ConvNext
from omma.model.vision.fusion import DINO, Fusion
from omma.model.vision.sphinx import Sphinx
from omma.model.vision.vit import ViT
from omma.model.vision.whole_and_parts import WholeAndParts
from omma.model.vlm import Vlm
from omma.nn.rotary import Llama3Scaling
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.weights.blip_parts import PICTURES
from omma.weights.maps.florence_vl import CONVERSATION, FLORENCE_2_LARGE
from omma_recipes.parts.blip import EVA_G, QUERIES
from omma_recipes.parts.language import VICUNA_7B
from omma_recipes.parts.llava import CLIP_L_224, LLAMA3_8B, VICUNA_13B
from omma_recipes.parts.speech import vicuna
from omma_recipes.parts.vision import CLIP_L_336, CLIP_MEAN, CLIP_STD
from omma_recipes.systems.blip import Q_FORMER, TOWER
from omma_recipes.systems.llava import CLAIMED_13B, CLIP_GREY, DATA, STAGES, llava_1_5_7b

BLOCK = 4 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024  # of CLIP-L, and of DINOv2-L but for its two scales
CLIP = 1024 + 577 * 1024 + 3 * 14 * 14 * 1024 + 2 * 1024 + 23 * BLOCK
DINOV2 = 1024 + (1 + 37 * 37) * 1024 + 3 * 14 * 14 * 1024 + 1024 + 24 * (BLOCK + 2 * 1024) + 2 * 1024


def mousi_7b() -> Recipe:
    """MouSi 7B with two experts: CLIP-L and DINOv2-L on one grid of 576 patches, features side by side, a two-layer projector."""
    base = llava_1_5_7b()
    model = Vlm(
        view=Pad(size=336, fill=CLIP_GREY),
        encoder=Fusion(patch=14, encoders=(CLIP_L_336, DINO), zooms=(1, 1), how="channels"),
        connector=Mlp(depth=2),
        language=VICUNA_7B,
        text=vicuna(32_000),
    )
    claims = Claims(
        source="arXiv 2401.17221, MLP fusion of two experts; stages and data as LLaVA-1.5, which it follows",
        visual_tokens={"640x480": 576, "336x336": 576},
        parameters={
            "encoder.*": CLIP + DINOV2,
            "connector.*": 2048 * 4096 + 4096 + 4096 * 4096 + 4096,
            "language.*": 6_738_415_616,
        },
        trainable={"align": ("connector",), "instruct": ("connector", "language")},
    )
    return replace(base, id="mousi", title="MouSi 7B", model=model, data=DATA, stages=STAGES, claims=claims)


# arXiv 2404.07973: captions, then dense descriptions of regions with both projectors, then instructions. What trains in the last
# two besides, rates and lengths were not read: they are LLaVA-1.5's. The paper starts the second projector as a copy of the first.
FERRET_STAGES = (
    replace(STAGES[0], trains=("connector.whole.*",)),
    replace(STAGES[1], name="dense", trains=("connector.*", "splice.*"), mixture={"dense": 1.0}),
    replace(STAGES[1], trains=("connector.*", "splice.*", "language.*")),
)


def ferret_v2_7b() -> Recipe:
    """Ferret-v2 7B: CLIP on the whole picture, DINOv2 on its tiles, a projector for each, the coarse map upsampled and added."""
    base = llava_1_5_7b()
    model = Vlm(
        view=BestFit(size=336, fill=(0, 0, 0)),
        encoder=WholeAndParts(whole=CLIP_L_336, parts=DINO),
        connector=UpsampleAdd(projector=Mlp(depth=2)),
        language=VICUNA_7B,
        text=vicuna(32_000),
    )
    sources: dict[str, Reader] = {
        "captions": LlavaJson(path="blip_laion_cc_sbu_558k.json", task="caption"),
        "dense": LlavaJson(path="dense_regions.json"),
        "instructions": LlavaJson(path="ferret_v2_instructions.json"),
    }
    claims = Claims(
        source="arXiv 2404.07973, whose code and weights were not released; tiles and their layout as LLaVA-NeXT's, which it "
        "follows; without its visual sampler: regions are written as text",
        visual_tokens={"672x672": 576 + 48 * 49, "640x480": 576 + 36 * 49, "336x336": 576 + 24 * 25},
        parameters={
            "encoder.*": CLIP + DINOV2, "connector.*": 2 * (1024 * 4096 + 4096 + 4096 * 4096 + 4096), "splice.*": 4096,
            "language.*": 6_738_415_616,
        },
        trainable={"align": ("connector",), "dense": ("connector", "splice"), "instruct": ("connector", "language", "splice")},
    )  # fmt: skip
    data = replace(DATA, sources=sources)
    return replace(base, id="ferret-v2", title="Ferret-v2 7B", model=model, data=data, stages=FERRET_STAGES, claims=claims)


# decoder of microsoft/Florence-2-large: layers with two attentions, the norm of its inputs and its places
FLORENCE_WRITER = 12 * (8 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 6 * 1024) + 2 * 1024 + 4098 * 1024
IMAGENET_GREY = (123, 116, 103)  # the mean colour of Florence-2's image processor

# meta-llama/Llama-3.1-8B-Instruct
LLAMA3_1_8B = replace(LLAMA3_8B, longest=131_072, scaling=Llama3Scaling(factor=8.0))

# scripts/florence-vl/llama: 2,048 detailed captions in a step with all parts trained, then 512 conversations, each once at 1e-5,
# without weight decay; bins stand for batches. By the paper the tower learns in the first stage, though the released
# `florence_encoder.py` takes no gradients of it
FLORENCE_STAGES = (
    replace(
        STAGES[0],
        name="pretrain",
        trains=("*",),
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999)),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=128),
    ),
    replace(
        STAGES[1],
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999)),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=32),
    ),
)


def florence_vl_8b() -> Recipe:
    """Florence-VL 8B: Florence-2's tower and what its encoder sees under three prompts, 576 tokens, Llama-3.1-8B."""
    base = llava_1_5_7b()
    sources: dict[str, Reader] = {
        "captions": LlavaJson(path="pixelprose_sharegpt4v.json", task="caption"),
        "instructions": LlavaJson(path="cambrian_sharegpt4v_vision_flan_docmatix.json"),
    }
    text = Chat(tokenizer=Released(path="", vocab_size=128_257), template=Jinja(source=CONVERSATION))
    model = Vlm(
        view=Pad(size=768, fill=IMAGENET_GREY),
        encoder=FLORENCE_2_LARGE,
        connector=Mlp(depth=3),
        language=LLAMA3_1_8B,
        text=text,
    )
    claims = Claims(
        source="arXiv 2412.04424; JiuhaiChen/Florence-VL scripts/florence-vl/llama, florence_encoder.py and builder.py; the tower "
        "is microsoft/Florence-2-large of 776,721,497 values without decoder, sinusoids and bias of the logits; which of its 577 "
        "tokens is left out is not published with the code: here the mean's, by the paper's 576",
        visual_tokens={"640x480": 576, "768x768": 576, "100x2000": 576},
        parameters={
            "encoder.*": 776_721_497 - FLORENCE_WRITER - 100 * 2048 - 51_289,
            "connector.*": 4096 * 4096 + 4096 + 2 * (4096 * 4096 + 4096),
            "language.*": 8_030_261_248 + 2 * 4096,
        },
        trainable={"pretrain": ("connector", "encoder", "language"), "instruct": ("connector", "language")},
    )
    data = replace(DATA, sources=sources)
    return replace(base, id="florence-vl", title="Florence-VL 8B", model=model, data=data, stages=FLORENCE_STAGES, claims=claims)


# facebook/dinov2-giant
DINO_G = ViT(
    patch=14, width=1536, depth=40, heads=24, mlp_width=4096, image_size=518, mlp="gated", activation="silu", class_token=True,
    layer_scale=1.0, mean=DINO.mean, std=DINO.std,
)  # fmt: skip

# the trunk of open_clip's convnext_xxlarge (laion2b_s34b_b82k_augreg_soup)
CONVNEXT_XXL = ConvNext(widths=(384, 768, 1536, 3072), depths=(3, 4, 30, 3), norm_eps=1e-5, mean=CLIP_MEAN, std=CLIP_STD)

# the "default" conversation of LLaMA2-Accessory's `accessory/data/conversation/lib.py`; pictures stand behind the beginning
# of text. The release ends an answer with ### alone; here </s> stands before that, so that a model stops.
SPHINX_WORDS = (
    "{{ bos_token }}" + PICTURES + "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.\n\n###"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ ' Human:' }}{% endif %}{{ ' ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '\n###' }}"
    "{% if message['role'] == 'user' %}{{ ' Assistant:' }}{% endif %}"
    "{% endfor %}"
)
# parameters of openai/clip-vit-large-patch14's tower, of facebook/dinov2-giant without the token that stands for masked patches,
# and of the trunk with the norm behind it: stem, what shrinks maps, blocks
CLIP_224 = 303_179_776
DINOV2_G = 1_136_480_768 - 1536
CONVNEXT = 3 * 16 * 384 + 3 * 384 + 2 * 3072
CONVNEXT += sum(2 * before + (4 * before + 1) * wide for before, wide in ((384, 768), (768, 1536), (1536, 3072)))
CONVNEXT += sum(depth * (8 * wide**2 + 58 * wide) for depth, wide in ((3, 384), (4, 768), (30, 1536), (3, 3072)))

# SPHINX/README.md of LLaMA2-Accessory, the fine-tuning it shows: 2e-5 down to 0, warm-up of 0.03 epochs, no weight decay,
# gradients up to 8, 128 in a step, one epoch, 512 words; all but the towers and the Q-Former trains (`get_trainable_params`), and
# so in pre-training, which by the paper also reads plain text. Rates and lengths of pre-training were not read: they are ours.
# The paper mixes the weights of two such models, of real and of generated captions; `merge` of two runs does that.
SPHINX_STAGES = (
    replace(
        STAGES[1],
        name="pretrain",
        trains=("connector.*", "splice.*", "language.*"),
        mixture={"captions": 1.0},
        optimizer=AdamW(lr=5e-5, betas=(0.9, 0.95)),
        schedule=Cosine(warmup=0.03, floor=0.1),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=128),
    ),
    replace(
        STAGES[1],
        trains=("connector.*", "splice.*", "language.*"),
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.95)),
        schedule=Cosine(warmup=0.03),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=16),
        clip=8.0,
    ),
)


def sphinx_13b() -> Recipe:
    """SPHINX-1k 13B: CLIP, ConvNeXt, DINOv2 and a Q-Former, a square and its four quarters, 1,455 tokens, Llama 2 13B."""
    base = llava_1_5_7b()
    clip = replace(CLIP_L_224, final_norm=True, feature_layer=-1)
    encoder = Sphinx(clip=clip, convnext=CONVNEXT_XXL, dino=DINO_G, eva=EVA_G, queries=QUERIES, features="all")
    template = Jinja(source=SPHINX_WORDS, picture="<image>", end="</s>")
    model = Vlm(
        view=Quarters(size=224, fill=CLIP_GREY),
        encoder=encoder,
        connector=NormedPair(leading=32, lead_width=768),
        language=VICUNA_13B,
        text=Chat(tokenizer=Released(path="", vocab_size=32_000), template=template),
    )
    claims = Claims(
        source="arXiv 2311.07575; Alpha-VLLM/LLaMA2-Accessory llama_ens5.py, SPHINX/README.md, conversation/lib.py; towers of "
        "openai/clip-vit-large-patch14, facebook/dinov2-giant, open_clip convnext_xxlarge, Salesforce/blip2-opt-2.7b; "
        "pre-training's rates, lengths and betas are ours",
        visual_tokens={"640x480": 1455, "448x448": 1455, "100x2000": 1455},
        parameters={
            "encoder.*": CLIP_224 + CONVNEXT + DINOV2_G + TOWER + Q_FORMER,
            "connector.*": (768 + 1 + 2) * 5120 + (5632 + 1 + 2) * 5120,
            "splice.*": 2 * 5120,
            **CLAIMED_13B,
        },
        trainable={name: ("connector", "language", "splice") for name in ("pretrain", "instruct")},
    )
    return replace(base, id="sphinx", title="SPHINX-1k 13B", model=model, data=DATA, stages=SPHINX_STAGES, claims=claims)
