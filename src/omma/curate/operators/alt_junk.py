"""alt_junk: a text that describes no picture: a file name, an address, a date, "click here" → dropped. Score: number of the rule.

Rules look at a whole text, never at a part of it: "Small black bird, links to larger version" stays. Measured on the 269
distinct alternative texts of 361 pictures in seven repositories of documents: 3 are marked ("placeholder", "alt text", a slug
with an underscore), all junk; 3 others that we call junk stay (a slug with a hyphen and two texts of links).
"""

import re
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, texts_of
from omma.schema.sample import Sample

LONGEST, SHOWN = 300, 60  # letters: a longer text is no junk of these kinds; letters of it that a reason shows
ENDINGS = "jpe?g|jfif|png|gif|webp|svg|bmp|tiff?|heic|heif|avif|ico|raw|cr2|nef|arw|dng|psd|mp4|mov|avi|webm|pdf|html?|php|aspx?"
DOMAINS = "com|org|net|edu|gov|info|io|co|uk|de|fr|es|it|nl|pl|ru|cn|jp|br|in|au|ca|eu"
NOUNS = (
    "image|images|img|picture|pictures|pic|pics|photo|photos|photograph|figure|fig|slide|thumbnail|thumb|banner|icon|logo"
    "|avatar|screenshot|screen shot|graphic|illustration|untitled|placeholder|placeholder image|spacer|blank|default|file"
    "|media|alt|alt text|alternative text|no alt text|image description|description|caption|no caption|image caption"
    "|no description|null|none|nan|n/a|undefined|unknown|image not found|no image|no image available|image may contain"
    "|loading|featured image|image alt text"
)
PHRASES = (
    "click here|click|click for more|click to enlarge|click image to enlarge|click to view|click to zoom|tap to enlarge"
    "|enlarge|enlarge image|view larger|view larger image|view larger version|view full size|full size|full size image"
    "|zoom|zoom in|read more|learn more|see more|view more|show more|more info|more information|more details|details"
    "|view details|continue reading|next|previous|back|back to top|home|menu|search|close|share|share this"
    "|share on facebook|share on twitter|tweet|pin it|follow us|like us|like us on facebook|subscribe|subscribe now"
    "|sign up|sign in|log in|login|register|download|download now|buy|buy now|shop|shop now|add to cart|add to basket"
    "|add to wishlist|order now|sold out|sale|new|free shipping|out of stock|quick view|advertisement|ad|sponsored"
    "|all rights reserved|copyright|stock photo|stock image|royalty free stock photo|photo credit|print|email|rss|play"
    "|play video"
)
MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
CAMERAS = (
    "img|imgp|image|dsc|dscn|dscf|_dsc|_mg|cimg|gopr|gp|mvi|mov|pxl|sam|sdc|hpim|kif|pict|pano|vid|wp|dji|wa|fb_img|screenshot"
)
RULES = {
    "marks alone": r"[\W_]+",
    "an address": rf"(?:(?:https?://|ftp://|www\.)\S+|[\w-]+(?:\.[\w-]+)*\.(?:{DOMAINS})(?:/\S*)?|\S+@\S+\.\w+)",
    "a file name": rf"[\w\-.,()\[\]%+&@ /\\~=]*\.(?:{ENDINGS})(?:[?#]\S*)?",
    "a camera's name for it": (
        rf"(?:{CAMERAS})[ _-]?(?:e|p)?\d{{3,}}[\w() -]*|p\d{{7}}|\d{{8}}[_-]\d{{6}}\w*|screen ?shot[ _-]\d{{4}}-.*"
    ),
    "a date": (
        r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[ t,]+\d{1,2}[:.]\d\d(?:[:.]\d\d)?)?"
        rf"|(?:(?:{MONTHS})\.?,? )?\d{{1,2}}(?:st|nd|rd|th)?,? (?:{MONTHS})\.?,? \d{{4}}"
        rf"|(?:{MONTHS})\.? (?:\d{{1,2}}(?:st|nd|rd|th)?,? )?\d{{4}}"
    ),
    "a placeholder": (
        rf"(?:(?:an?|the|this|my|our) )?(?:{NOUNS})\.?[ _-]?(?:no\.? ?|nr\.? ?|number ?)?"
        r"[#(\[]?\d{0,6}[)\]]?(?:(?<=\d) of \d+)?(?: alt)?"
    ),
    "words of a button": rf"(?:please )?(?:{PHRASES})",
    "a number or code": r"[#(]?\d[\d .,:/x×-]*[)%]?|(?=\S*\d)[0-9a-f]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "a slug": r"[^\W_]+(?:[-_][^\W_]+)*_[^\W_]+(?:[-_][^\W_]+)*|[^\W_]+(?:-[^\W_]+){3,}",
}
KINDS = tuple(RULES)
PATTERNS = tuple(re.compile(pattern) for pattern in RULES.values())
EDGES = " \t\r\n\"'“”‘’«»*.!?:;,…>→-|[]"


@config
class AltJunk(TextOperator):
    """Captions and replies of web pictures, English where words matter.

    A sample goes if every text of it that is not blank is junk. `stay` names rules that take
    nothing out, by the words in the ledger's reasons.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    stay: tuple[str, ...] = ()

    def check(self) -> None:
        unknown = [kind for kind in self.stay if kind not in KINDS]
        if unknown:
            raise ConfigError("AltJunk.stay", ", ".join(unknown), f"some of: {', '.join(KINDS)}")

    @property
    def threshold(self) -> float:
        """0: no rule fits."""
        return 0.0

    def score(self, sample: Sample) -> float:
        """Number of the rule that fits the first text, counted from 1; 0 where a text says something, or none says anything."""
        kinds = [kind_of(text) for text in texts_of(sample) if text.strip()]
        return float(kinds[0]) if kinds and all(kinds) else 0.0

    def decide(self, score: float) -> str:
        """Any rule but those that may stay."""
        kind = KINDS[int(score) - 1] if score > self.threshold else ""
        return "" if kind in ("", *self.stay) else f"no description but {kind}"

    def note(self, sample: Sample) -> str:
        """The text that the rule fits, or its beginning."""
        text = " ".join(next(text for text in texts_of(sample) if text.strip()).split())
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


def kind_of(text: str) -> int:
    """Text, not blank → number of the first rule that fits it whole, from 1; 0: none."""
    if len(text) > LONGEST:
        return 0 if any(character.isalnum() for character in text) else 1
    plain = " ".join(text.casefold().split())
    bare = plain.strip(EDGES) or plain
    return next((n for n, pattern in enumerate(PATTERNS, 1) if pattern.fullmatch(bare) or pattern.fullmatch(plain)), 0)
