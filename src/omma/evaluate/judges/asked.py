"""Asked judge: any answerer, here or behind an address, as a judge: it reads words alone and writes its verdict, greedily."""

from collections.abc import Iterator, Sequence

from omma.answerers.answerer import Answerer
from omma.evaluate.judges.judge import Case, Judgement
from omma.evaluate.question import asking
from omma.generate.sampling import Sampling
from omma.schema.sample import Sample


class AskedJudge:
    """`name` is what a person typed for it; `version` is the model's fingerprint."""

    def __init__(self, answerer: Answerer, name: str) -> None:
        self.answerer, self.name, self.version = answerer, name, answerer.fingerprint()

    def verdicts(self, cases: Sequence[Case], max_tokens: int) -> Iterator[Judgement]:
        """Cases → what the model writes of each; an empty verdict is a failure."""
        replies = self.answerer.ask([_sample(case) for case in cases], Sampling(max_tokens=max_tokens))
        for case, reply in zip(cases, replies, strict=True):
            text = reply.text.strip()
            error = reply.error or ("" if text else "the judge said nothing")
            yield Judgement(text, self.prompt_hash(case), error)

    def prompt_hash(self, case: Case) -> str:
        """The model's own hash of what it reads."""
        return self.answerer.prompt_hash(_sample(case))


def _sample(case: Case) -> Sample:
    return asking(case.id, case.words)
