"""The `omma` command: argument list → verb module → exit code. Loads nothing but the verb that is asked for.

Exit codes: 0 done, 1 a defect of ours (with its traceback), 2 a mistake in what was asked, 130 interrupted.
"""

import errno
import importlib
import os
import shlex
import sys
from importlib.metadata import version

from omma.cli.interrupted import Interrupted
from omma.core.config import did_you_mean
from omma.core.errors import OmmaError

VERBS = {
    "run": ("omma.cli.run", "the whole way: curate, plan, train, evaluate, report"),
    "new": ("omma.cli.new", "look at a folder of pictures with text and write a recipe for it"),
    "curate": ("omma.cli.curate", "read raw samples, keep what is sound, say why the rest went"),
    "data": ("omma.cli.data", "browse samples and scores in a page of your own, or write them out for others"),
    "plan": ("omma.cli.plan", "fit the tokenizer and pack the samples of every stage"),
    "train": ("omma.cli.train", "train the stages in order, from where they stopped"),
    "eval": ("omma.cli.eval", "score a model on held-out samples, on benchmarks or on your own questions"),
    "rescore": ("omma.cli.rescore", "score stored answers again, without running the model"),
    "compare": ("omma.cli.compare", "set two models' scores side by side: what differs, how surely, on which questions"),
    "gain": ("omma.cli.gain", "what looking is worth: seeing, blind, and the language model alone"),
    "rank-data": ("omma.cli.rank_data", "tell which data set makes the better model, at equal compute"),
    "scaling": ("omma.cli.scaling", "tell what more data would give, and what each filter is worth"),
    "chat": ("omma.cli.chat", "talk to a trained model about a picture"),
    "import": ("omma.cli.import_", "turn a released checkpoint folder into one that the other verbs read"),
    "export": ("omma.cli.export", "write a model as transformers and servers read it, and check that they agree"),
    "merge": ("omma.cli.merge", "one model of several: soups, interpolation, stacked layers"),
    "show": ("omma.cli.show", "print a recipe as YAML, or list the files its parts live in"),
    "recipes": ("omma.cli.recipes", "list the recipes that come with omma"),
    "report": ("omma.cli.report", "write one HTML file from a run folder"),
    "doctor": ("omma.cli.doctor", "tell what a recipe would do before it does it"),
}

HEAD = """\
omma: from raw pictures with text to a model you can talk to.

  omma VERB RECIPE [path=value ...]

RECIPE is a name (`omma recipes` lists them), a YAML file, a file of your own as ./lab.py:mine, or a run folder.
path=value changes one number in it, such as run.seed=1 or stages.align.length.count=200.

Verbs (`omma VERB --help` says what each reads and writes):
"""
TAIL = """
A first session:
  omma run quickstart
  omma chat runs/quickstart --image PICTURE"""


def main() -> None:
    """Entry point of the console script."""
    try:
        code = answer(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe left, as `omma show R | head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def answer(arguments: list[str]) -> int:
    """Argument list → exit code, after doing what it asks. A person's mistake costs one line on stderr."""
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    if arguments[0] == "--version":
        print(f"omma {version('omma')}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        return complain(f"omma: no verb {verb!r}; {did_you_mean(verb, VERBS)}")
    try:
        call = importlib.import_module("omma.cli.invoke").call
        return int(call(VERBS[verb][0], verb, rest))
    except OmmaError as error:
        return complain(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return complain(f"{error.filename or 'disk'}: the disk is full; free some space and run the same command again")
    except Interrupted as stop:
        return _left(str(stop), arguments)
    except KeyboardInterrupt:
        return _left("whatever was finished is kept", arguments)


def overview() -> str:
    """The text of `omma --help`."""
    width = max(map(len, VERBS))
    return HEAD + "".join(f"  {verb:<{width}}  {line}\n" for verb, (_, line) in VERBS.items()) + TAIL


def complain(text: str) -> int:
    """Tell a person's mistake; exit code 2."""
    print(f"error: {text}", file=sys.stderr)
    return 2


def _left(kept: str, arguments: list[str]) -> int:
    print(f"interrupted: {kept}; continue with: {shlex.join(['omma', *arguments])}", file=sys.stderr)
    return 130


if __name__ == "__main__":
    main()
