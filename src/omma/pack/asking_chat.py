"""AskingChat: a text slot that also tells the connector what is asked of a picture, in words of its own (InstructBLIP)."""

from pathlib import Path

from omma.core.config import config
from omma.pack.asking.asking import Asker, Asking
from omma.pack.asking.letters import Letters
from omma.pack.chat import Chat


@config
class AskingChat(Chat):
    """As `Chat`. The vocabulary of `asking` is the one that the connector was made for (`QFormer.words`)."""

    asking: Asking = Letters()

    def asker(self) -> Asker:
        return self.asking.make()

    def saved_asker(self, folder: Path) -> Asker:
        return self.asking.load(folder)
