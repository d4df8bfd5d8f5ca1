"""VL-RewardBench."""

from omma.evaluate.benchmarks.vl_rewardbench import VlRewardBenchQuestions
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling
from omma.metrics.judged.vl_rewardbench import VlRewardBench


def vl_rewardbench() -> Suite:
    """VL-RewardBench, one verdict a pair: overall, macro, and by general, hallucination and reasoning."""
    return Suite(id="vl_rewardbench", title="VL-RewardBench", benchmarks=(VlRewardBenchQuestions(name="vl_rewardbench"),))


def vl_rewardbench_both_orders() -> Suite:
    """VL-RewardBench with both orders of the answers: right only where the better one wins in both."""
    questions = VlRewardBenchQuestions(
        name="vl_rewardbench_both_orders", draws=2, sampling=Sampling(max_tokens=2048), metrics=(VlRewardBench(k=2),)
    )
    return Suite(id="vl_rewardbench_both_orders", title="VL-RewardBench (both orders)", benchmarks=(questions,))
