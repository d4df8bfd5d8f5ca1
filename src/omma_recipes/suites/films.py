"""Films and clips: Video-MME and MVBench."""

from dataclasses import replace

from omma.evaluate.benchmarks.mvbench import MvBenchQuestions
from omma.evaluate.benchmarks.videomme import OFFICIAL, SubtitledVideoMmeQuestions, VideoMmeQuestions
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling


def videomme() -> Suite:
    """Video-MME without subtitles; over all and by duration."""
    return Suite(id="videomme", title="Video-MME", benchmarks=(VideoMmeQuestions(name="videomme"),))


def videomme_lmms_eval() -> Suite:
    """Video-MME without subtitles in lmms-eval's words, which end in LLaVA's suffix."""
    words = replace(
        OFFICIAL, question=OFFICIAL.question.replace("on the video.", "on the video and the subtitles."), after="\n" + LETTER
    )
    questions = VideoMmeQuestions(name="videomme_lmms_eval", prompt=words)
    return Suite(id="videomme_lmms_eval", title="Video-MME (lmms-eval's prompt)", benchmarks=(questions,))


def videomme_subtitles() -> Suite:
    """Video-MME with the subtitles of 32 moments; by duration."""
    questions = SubtitledVideoMmeQuestions(name="videomme_subtitles")
    return Suite(id="videomme_subtitles", title="Video-MME (with subtitles)", benchmarks=(questions,))


def mvbench() -> Suite:
    """MVBench in the official words, by task."""
    return Suite(id="mvbench", title="MVBench", benchmarks=(MvBenchQuestions(name="mvbench"),))


def mvbench_lmms_eval() -> Suite:
    """MVBench in lmms-eval's words, without the long introduction."""
    words = Prompt(
        question="Question:{question}",
        choices="\nOption:\n",
        choice="({letter}) {choice}\n",
        between="",
        after="Only give the best option.\n",
    )
    questions = MvBenchQuestions(name="mvbench_lmms_eval", prompt=words, sampling=Sampling(max_tokens=16))
    return Suite(id="mvbench_lmms_eval", title="MVBench (lmms-eval's prompt)", benchmarks=(questions,))
