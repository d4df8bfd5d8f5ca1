"""Published parts of BLIP-2 and InstructBLIP: tower, Q-Formers, language model, prompt forms. Numbers from the configs named."""

from omma.model.connectors.q_former import QFormer
from omma.model.language.opt import Opt
from omma.model.vision.vit import ViT
from omma.pack.asking.released import ReleasedWords
from omma.pack.asking_chat import AskingChat
from omma.pack.chat import Chat
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.weights.blip_parts import LEADS, SAID
from omma_recipes.parts.vision import CLIP_MEAN, CLIP_STD

# vision_config of Salesforce/blip2-opt-2.7b: EVA-CLIP's ViT-g/14 without its last block, class token handed on
EVA_G = ViT(
    patch=14, width=1408, depth=39, heads=16, mlp_width=6144, image_size=224, activation="gelu", class_token=True, features="all",
    mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip

# qformer_config of the same, and of Salesforce/instructblip-vicuna-7b, whose vocabulary is BERT's with one token more
QUERIES = QFormer(queries=32, width=768, depth=12, heads=12, mlp_width=3072, cross_every=2)
ASKED_QUERIES = QFormer(queries=32, width=768, depth=12, heads=12, mlp_width=3072, cross_every=2, words=30_523)

# facebook/opt-2.7b
OPT_2_7B = Opt(width=2560, depth=32, heads=32, mlp_width=10_240, longest=2048)

# what is asked of a picture to caption it, and for the visual questions of LAVIS `blip2_opt.py` and its prompts
CAPTION_PROMPTS = ("a photo of",)


def said(vocab_size: int) -> Chat:
    """Visual slots, the beginning of text, and words as they are."""
    template = Jinja(source=LEADS[0] + SAID, picture="<image>")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template, caption_prompts=CAPTION_PROMPTS)


def said_and_asked(vocab_size: int) -> AskingChat:
    """The same, with the words of the question for the Q-Former; 128 of them at most, as LAVIS cuts them."""
    template = Jinja(source=LEADS[0] + SAID, picture="<image>")
    asking = ReleasedWords(path="", max_words=128)
    return AskingChat(
        tokenizer=Released(path="", vocab_size=vocab_size), template=template, caption_prompts=("Write a short description.",),
        asking=asking,
    )  # fmt: skip
