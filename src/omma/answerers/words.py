"""Words: a sample → what it asks."""

from omma.schema.sample import Sample


def question_words(sample: Sample) -> str:
    """Sample → the words of its last user turn; nothing for a picture with captions only."""
    asked = [turn.text for turn in sample.turns if turn.role == "user"]
    return asked[-1].strip() if asked else ""
