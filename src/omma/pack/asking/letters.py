"""Letters: words → their letters as ids, for connectors trained from scratch. [CLS] letters … [SEP], 29 ids in all."""

from string import ascii_lowercase

from tokenizers import Regex, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend

from omma.core.config import config
from omma.pack.asking.asking import Asker, Asking

MARKS = ("[PAD]", "[CLS]", "[SEP]")


@config
class Letters(Asking):
    """26 letters in lower case; everything else is left out."""

    max_words: int = 12

    def make(self) -> Asker:
        backend = Backend(models.WordLevel({word: i for i, word in enumerate((*MARKS, *ascii_lowercase))}, unk_token="[PAD]"))
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex("[^a-z]"), "")])
        backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
        ends = [(mark, MARKS.index(mark)) for mark in MARKS[1:]]
        backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
        return self.cut(backend)
