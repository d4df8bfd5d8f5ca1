"""Published parts as recipes of their own: sizes and what a release states of them → a LanguageModel or a VisionTower."""

from omma.model.slots import Encoder, Language
from omma.recipe import Claims, LanguageModel, VisionTower
from omma.schema.view import View


def language_alone(name: str, title: str, language: Language, vocab_size: int, values: int, released: str) -> LanguageModel:
    """`values` are those of the module, tied ones once; `released` is the folder whose config.json states the sizes."""
    claims = Claims(source=f"config.json of {released}", parameters={"*": values})
    return LanguageModel(id=name, title=title, language=language, vocab_size=vocab_size, claims=claims)


def tower_alone(
    name: str, title: str, view: View, encoder: Encoder, values: int, features: dict[str, int], released: str, merge: int = 1
) -> VisionTower:
    """`values` are those of the module, without what pools features or projects them; `features` of pictures of some sizes."""
    source = f"config.json and preprocessor_config.json of {released}"
    claims = Claims(source=source, visual_tokens=features, parameters={"*": values})
    return VisionTower(id=name, title=title, view=view, merge=merge, encoder=encoder, claims=claims)


def always(count: int) -> dict[str, int]:
    """The same number of features for pictures of any size."""
    return {"640x480": count, "100x2000": count}
