"""Temporal grounding: when something happens in a video."""

from omma.evaluate.benchmarks.moments import MomentQuestions, TimedMoments
from omma.evaluate.suite import Suite

ACTIVITYNET = ("ActivityNet", "videos", "Activity_Videos")


def charades_sta() -> Suite:
    """Charades-STA test in lmms-eval's words: R@1 at IoU 0.3, 0.5, 0.7 and mean IoU."""
    one = MomentQuestions(name="charades_sta", path="charades_sta_test.txt")
    return Suite(id="charades_sta", title="Charades-STA (test)", benchmarks=(one,))


def charades_sta_vtimellm() -> Suite:
    """Charades-STA test as VTimeLLM asks and reads: hundredths of the video."""
    one = TimedMoments(name="charades_sta_vtimellm", path="charades_sta_test.json")
    return Suite(id="charades_sta_vtimellm", title="Charades-STA (test, VTimeLLM)", benchmarks=(one,))


def activitynet_grounding() -> Suite:
    """ActivityNet Captions, second validation file, in lmms-eval's words for Charades: R@1 and mean IoU."""
    one = MomentQuestions(name="activitynet_grounding", path="val_2.json", videos=ACTIVITYNET)
    return Suite(id="activitynet_grounding", title="ActivityNet Captions (grounding)", benchmarks=(one,))


def activitynet_grounding_vtimellm() -> Suite:
    """ActivityNet Captions, second validation file, as VTimeLLM asks and reads: hundredths of the video."""
    one = TimedMoments(name="activitynet_grounding_vtimellm", path="val_2.json", videos=ACTIVITYNET)
    return Suite(id="activitynet_grounding_vtimellm", title="ActivityNet Captions (grounding, VTimeLLM)", benchmarks=(one,))
