"""Tiny random folders of BLIP-2 and InstructBLIP as transformers publishes them, over OPT and Llama."""

import torch
from draws import Draw
from llava_folders import TEXTS, draw_text, open_pair, spread, their_inputs
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, PreTrainedTokenizerFast
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.blip_2.modeling_blip_2 import Blip2Config, Blip2ForConditionalGeneration
from transformers.models.blip_2.processing_blip_2 import Blip2Processor
from transformers.models.instructblip.modeling_instructblip import InstructBlipConfig, InstructBlipForConditionalGeneration
from transformers.models.instructblip.processing_instructblip import InstructBlipProcessor
from transformers.models.opt.modeling_opt import OPTConfig

from omma.weights.blip_parts import SAID


class Blip2(Blip2ForConditionalGeneration):
    """Also answers without a picture, as its language model does."""

    def forward(self, pixel_values=None, input_ids=None, **rest):
        if pixel_values is None:
            return CausalLMOutputWithPast(logits=self.language_model(input_ids=input_ids).logits)
        return super().forward(pixel_values=pixel_values, input_ids=input_ids, **rest)

    def generate(self, pixel_values=None, **rest):
        if pixel_values is None:
            return self.language_model.generate(**rest)
        return super().generate(pixel_values=pixel_values, **rest)


class InstructBlip(InstructBlipForConditionalGeneration):
    """Also answers without a picture, as its language model does."""

    def forward(self, pixel_values=None, input_ids=None, **rest):
        if pixel_values is None:
            return CausalLMOutputWithPast(logits=self.language_model(input_ids=input_ids).logits)
        return super().forward(pixel_values=pixel_values, input_ids=input_ids, **rest)

    def generate(self, pixel_values=None, qformer_input_ids=None, qformer_attention_mask=None, **rest):
        if pixel_values is None:
            return self.language_model.generate(**rest)
        return super().generate(pixel_values, qformer_input_ids, qformer_attention_mask, **rest)


def words(language):
    """OPT's tokenizer begins and ends a text with the same token, Llama's with two."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    marks = ["<pad>", "</s>", "<unk>"] + ([] if language == "opt" else ["<s>"])
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=[*marks, "<image>"],
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    begins = "</s>" if language == "opt" else "<s>"
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{begins} $A", pair=f"{begins} $A $B", special_tokens=[(begins, bpe.token_to_id(begins))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=begins, eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                   additional_special_tokens=["<image>"], chat_template=SAID)  # fmt: skip


def question_words():
    """A small BERT tokenizer."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=90, special_tokens=marks, show_progress=False))
    ends = [(mark, pieces.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    return BertTokenizerFast(tokenizer_object=pieces)


def configs(rng, language, vocab_size, tied, image_id, asked):
    """Sizes of the three parts."""
    heads, q_heads = int(rng.choice([1, 2])), int(rng.choice([1, 2]))
    vision = dict(hidden_size=heads * 8, num_attention_heads=heads, intermediate_size=int(rng.integers(16, 40)),
                  num_hidden_layers=int(rng.integers(1, 4)), patch_size=4, image_size=4 * int(rng.integers(2, 5)),
                  hidden_act=str(rng.choice(["gelu", "quick_gelu"])), qkv_bias=bool(rng.integers(2)))  # fmt: skip
    former = dict(hidden_size=q_heads * 8, num_attention_heads=q_heads, intermediate_size=int(rng.integers(16, 40)),
                  num_hidden_layers=int(rng.integers(1, 5)), cross_attention_frequency=int(rng.integers(1, 4)), vocab_size=asked,
                  max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
    if language == "opt":
        opt_heads = int(rng.choice([1, 2, 4]))
        text = OPTConfig(hidden_size=8 * opt_heads, num_attention_heads=opt_heads, ffn_dim=int(rng.integers(20, 60)),
                         num_hidden_layers=int(rng.integers(1, 4)), vocab_size=vocab_size, max_position_embeddings=160,
                         tie_word_embeddings=tied, pad_token_id=0)  # fmt: skip
    else:
        text = draw_text(rng, "llama", vocab_size, tied)
    return dict(vision_config=vision, qformer_config=former, text_config=text, num_query_tokens=int(rng.integers(1, 6)),
                image_token_index=image_id)  # fmt: skip


def blip(kind, seed, folder, **fixed):
    """Both sides of a random folder, over OPT or Llama."""
    draw = Draw(seed, **fixed)
    language, tied = draw.one("language", "opt", "llama"), draw.one("tied", False, True)
    rng, own = draw.rng, words(language)
    second = question_words()
    said = configs(rng, language, len(own) + int(rng.integers(0, 4)), tied, own.convert_tokens_to_ids("<image>"), len(second))
    side = said["vision_config"]["image_size"]
    pictures = BlipImageProcessorPil(size={"height": side, "width": side})
    if kind == "blip-2":
        theirs = Blip2(Blip2Config(**said, attn_implementation="eager"))
        processor = Blip2Processor(pictures, own, num_query_tokens=said["num_query_tokens"], chat_template=SAID)
    else:
        theirs = InstructBlip(InstructBlipConfig(**said, attn_implementation="eager"))
        processor = InstructBlipProcessor(pictures, own, second, num_query_tokens=said["num_query_tokens"], chat_template=SAID)
    spread(theirs, seed)
    processor.chat_template = SAID
    return open_pair(folder, theirs, processor)


def several(pair, root, asked):
    """What their model would be given of several pictures: their slots in front, one question for each."""
    inputs = their_inputs(pair, root, asked)
    count = len(asked.media)
    if count > 1:
        slots = pair.theirs.config.num_query_tokens
        ahead = inputs["input_ids"][:, :1].repeat(1, slots * (count - 1))
        inputs["input_ids"] = torch.cat((ahead, inputs["input_ids"]), dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        for name in ("qformer_input_ids", "qformer_attention_mask"):
            if name in inputs:
                inputs[name] = inputs[name].repeat(count, 1)
    return inputs
