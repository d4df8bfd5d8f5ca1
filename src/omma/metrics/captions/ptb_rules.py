"""PTB rules: what counts as one token of English, by rank, as patterns of `longest`; what becomes of each match.

The behaviour is that of Stanford's tokenizer 3.4.1 with its default options (stanfordnlp/CoreNLP,
`src/edu/stanford/nlp/process/PTBLexer.flex` as of August 2014, the version that coco-caption ships), said anew.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

Action = Callable[[str], tuple[str | None, int]]  # matched text → (token or None, characters it uses up)

MARKS_IN_WORDS = (  # marks and signs of many scripts that count as letters beside those that Unicode calls so
    "\u00ad\u0237-\u024f\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02ff\u0300-\u036f\u0370-\u037d\u0384\u0385\u03cf\u03f6\u03fc-\u03ff"
    "\u0483-\u0487\u04cf\u04f6-\u04ff\u0510-\u0525\u055a-\u055f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a"
    "\u063b-\u063f\u064b-\u065e\u0670\u06d6-\u06ef\u06fa-\u06ff\u070f\u0711\u0730-\u074f\u0750-\u077f\u07a6-\u07b1\u07ca-\u07f5"
    "\u07fa\u0900-\u0903\u093c\u093e-\u094e\u0951-\u0955\u0962\u0963\u0981-\u0983\u09bc-\u09c4\u09c7\u09c8\u09cb-\u09cd\u09d7"
    "\u09e2\u09e3\u0a01-\u0a03\u0a3c\u0a3e-\u0a4f\u0a81-\u0a83\u0abc-\u0acf\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcd"
    "\u0c01-\u0c03\u0c3e-\u0c56\u0d3e-\u0d44\u0d46-\u0d48\u0e30-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ecd"
)
SIGNS = (  # signs that stand alone
    "+%&~\\^|\\\\¦§¨©¬®¯°-³´-º×÷\u0387\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u0603\u0606-\u060a\u060c\u0614\u061b\u061e\u066a\u066d"
    "\u0703-\u070d\u07f6\u07f7\u07f8\u0964\u0965\u0e4f\u1fbd\u2016\u2017\u2020-\u2023\u2030-\u2038\u203b\u203e-\u2042\u2044"
    "\u207a-\u207f\u208a-\u208e\u2100-\u214f\u2190-\u21ff\u2200-\u2bff\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    "\uff5b-\uff65"
)
SENTENCE_STARTS = (
    "bout ccording dditionally fter n  s t|ut|arlier|e er ere owever|f n t|ast|any ore r\\. s\\.|ow|nce ne ther ur|"
    "he ince o ome uch|hat he heir hen here hese hey his|e hen hile hat|et ou"
)
STARTS = "|".join(
    f"[{initial}]{rest}"
    for initial, rests in zip("ABEHILMNOSTWY", SENTENCE_STARTS.split("|"), strict=True)
    for rest in rests.split(" ")
)

NAMES = {
    "apos": "['\u0092\u2019]|&apos;",
    "apos_etc": "{apos}|[`\u0091\u2018\u201b]",
    "entity_letter": "&[aeiouAEIOU](acute|grave|uml);",
    "space": "[ \t\u00a0\u2000-\u200a\u3000]",
    "newline": "\r|\r?\n|[\u2028\u2029\u000b\u000c\u0085]",
    "white": "{space}|{newline}",
    "digit": "[\\d\u07c0-\u07c9]",
    "letter": f"[\\l{MARKS_IN_WORDS}]|{{entity_letter}}",
    "amp": "&amp;",
    "sgml_name": "[A-Za-z][A-Za-z0-9_:.\\-]*",
    "sgml_value": "'[^']*'|\"[^\"]*\"",
    "sgml_attribute": "[ ]+({sgml_name}|{sgml_name}[ ]*=[ ]*({sgml_value}))",
    "sgml": "<([!?][A-Za-z\\-][^>\r\n]*|{sgml_name}({sgml_attribute})*[ ]*\\/?|\\/{sgml_name})[ ]*>",
    "sentence_end": "({white})(({white})|[\\u]|{sgml})",
    "run": "({letter})({letter}|{digit})*",
    "word": "{run}([.!?]{run})*",
    "number": "{digit}+|{digit}*([.:,\u00ad\u066b\u066c]{digit}+)+",
    "fraction": "({digit}{1,4}[- \u00a0])?{digit}{1,4}(\\\\?\\/|\u2044){digit}{1,4}",
    "contracted": "({apos})([msdMSD]|re|ve|ll)",
    "negated": "[A-Za-z\u00ad]*[A-MO-Za-mo-z](\u00ad)*",
    "not": "n({apos_etc})t",
    "apostrophe_word": "({apos})n({apos})?|[lLdDjJ]({apos})|(Dunkin|somethin|ol)({apos})|({apos})(em|[2-9]0s|till?|cause)|"
    "[A-HJ-XZn]({apos_etc})[\\l]{2}[\\l]*|[\\l][\\l]*[aeiouyAEIOUY]({apos_etc})[aeiouA-Z][\\l]*|cont'd\\.?|'twas|"
    "nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l|O({apos_etc})o",
    "in_path": '[^ \t\n\f\r"<>|()]+[^ \t\n\f\r"<>|.!?(){},-]',
    "full_url": 'https?:\\/\\/[^ \t\n\f\r"<>|(){}]+[^ \t\n\f\r"<>|.!?(){},-]',
    "likely_url": '(www\\.([^ \t\n\f\r"<>|.!?(){},]+\\.)+[a-zA-Z]{2,4}|([^ \t\n\f\r"`\'<>|.!?(){},-_$]+\\.)+(com|net|org|edu))'
    "(\\/{in_path})?",
    "host": '[^ \t\n\f\r"<>|(){}.\u00a0]+',
    "email": '(&lt;|<)?[a-zA-Z0-9][^ \t\n\f\r"<>|()\u00a0{}]*@({host}\\.)*{host}(&gt;|>)?',
    "hyphen": "[_\u058a\u2010\u2011-]",
    "elided": "([dDoOlL]({apos_etc})[\\l\\d])?[\\l\\d]+",
    "thing": "{elided}({hyphen}{elided})*",
    "joined": "[A-Z]+(([+&]|{amp})[A-Z]+)+",
    "slashed": "[A-Za-z0-9]+(-[A-Za-z]+){0,2}(\\\\?\\/[A-Za-z0-9]+(-[A-Za-z]+){0,2}){1,2}",
    "of_nations": "(Canada|Sino|Korean|EU|Japan|non)-U\\.S|U\\.S\\.-(U\\.K|U\\.S\\.S\\.R)",
    "initials": "[A-Za-z](\\.[A-Za-z])*|{of_nations}",
    "two_initials": "[A-Za-z](\\.[A-Za-z])+|{of_nations}",
    "hyphened": "[A-Za-z0-9][A-Za-z0-9.,\u00ad]*(-([A-Za-z0-9\u00ad]+|({two_initials})\\.))+",
    "file_ending": "bat|bmp|c|class|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|"
    "txt|wav|x|xml|zip",
    "file_name": "({letter}|{digit})+([.]({letter}|{digit})+)*[.]({file_ending})",
    "before_small": "(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thu|Thurs|Fri|"
    "Ala|Ariz|[A]z|[A]rk|Calif|Colo|Conn|Ct|Dak|[D]el|Fla|Ga|[I]ll|Ind|Kans?|Ky|[L]a|[M]ass|Md|Mich|Minn|[M]iss|Mo|Mont|Neb|"
    "Nev|Okla|[O]re|[P]a|Penn|Tenn|[T]ex|Va|Vt|[W]ash|Wisc?|Wyo|"
    "Inc|Cos?|Corp|Pp?t[ye]s?|Ltd|Plc|Rt|Bancorp|Bhd|Assn|Univ|Intl|Sys|tel|est|ext|sq|"
    "Jr|Sr|Bros|(Ed|Ph)\\.D|Blvd|Rd|Esq|etc|al|seq|Bldg)\\.",
    "before_capital": "Mr|Mrs|Ms|[M]iss|Drs?|Profs?|Sens?|Reps?|Attys?|Lt|Col|Gen|Messrs|Govs?|Adm|Rev|Maj|Sgt|Cpl|Pvt|Capt|"
    "Ste?|Ave|Pres|Lieut|Hon|Brig|Co?mdr|Pfc|Spc|Supts?|Det|Mt|Ft|Adj|Adv|Asst|Assoc|Ens|Insp|Mlle|Mme|Msgr|Sfc|"
    "vs|Alex|Wm|Jos|Cie|a\\.k\\.a|cf|TREAS|Ph|{initials}|Invt|Elec|Natl|M[ft]g|Dept",
    "before_number": "(ca|figs?|prop|nos?|art|bldg|pp|op)\\.",
    "phone": "(\\([0-9]{2,3}\\)[ \u00a0]?|(\\+\\+?)?([0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0])[0-9]{3,4}[- \u00a0]?[0-9]{3,5}|"
    "((\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
    "in_sentence": "[,;:\u3001]",
    "double": '"|&quot;',
    "bracket_name": "-(RRB|LRB|RCB|LCB|RSB|LSB)-|C\\.D\\.s|pro-|anti-|S(&|{amp})P-500|S(&|{amp})Ls|Cap({apos})n|c({apos})est",
    "smiley": "[<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]]",
    "eastern_smiley": "[\\^x=~<>]\\.\\[\\^x=~<>\\]|[-\\^x=~<>']_[-\\^x=~<>']|\\([-\\^x=~<>'][_.]?[-\\^x=~<>']\\)|"
    "\\([\\^x=~<>']-[\\^x=~<>'`]\\)",
}
QUOTES = "{apos}|''|[`\u2018\u2019\u201a\u201b\u201c\u201d\u0091-\u0094\u201e\u201f\u2039\u203a«»]{1,2}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what must follow it (not used up; empty: anything) and what becomes of the match."""

    pattern: str
    action: Action
    before: str = ""


def _same(text: str) -> tuple[str, int]:
    return text, len(text)


def _nothing(text: str) -> tuple[None, int]:
    return None, len(text)


def _as(token: str) -> Action:
    return lambda text: (token, len(text))


def _without_last(count: int) -> Action:
    return lambda text: (text[:-count], len(text) - count)


def _solid(text: str) -> tuple[str, int]:
    return text.replace("\u00ad", "") or "-", len(text)


def _one_token(text: str) -> tuple[str, int]:
    return text.replace(" ", "\u00a0"), len(text)


def _bracketed(text: str) -> tuple[str, int]:
    return text.replace("(", "-LRB-").replace(")", "-RRB-"), len(text)


def _phone(text: str) -> tuple[str, int]:
    return _bracketed(_one_token(text)[0])[0], len(text)


def _ampersand(text: str) -> tuple[str, int]:
    return re.sub("(?i)&amp;", "&", text), len(text)


def _dotted(text: str) -> tuple[str, int]:
    """An abbreviation at the end of a sentence: its full stop is used twice."""
    return text, len(text) - 1


def _initials(text: str) -> tuple[str, int]:
    """Initials at the end of a sentence; a single one is a word and a full stop."""
    return (text[:-1], 1) if len(text) == 2 else _dotted(text)


def _money(text: str) -> tuple[str, int]:
    return text.replace("¢", "cents").replace("£", "#").translate(dict.fromkeys(map(ord, "\u0080¤₠€"), "$")), len(text)


FRACTIONS = {"¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}


def _fraction(text: str) -> tuple[str, int]:
    return FRACTIONS.get(text, text), len(text)


def _quoted(single: str) -> Action:
    """Quotes that do not say their side are written `single`; those that do keep it."""

    def action(text: str) -> tuple[str, int]:
        plain = re.sub("&apos;|'", single, text)
        plain = re.sub('"|&quot;', single * 2, plain)
        for signs, latex in (("\u0091‘‛‹", "`"), ("\u0092’›", "'"), ("\u0093“«", "``"), ("\u0094”»", "''")):
            plain = plain.translate(dict.fromkeys(map(ord, signs), latex))
        return plain, len(text)

    return action


def _dashes(text: str) -> tuple[str, int]:
    return "--" if len(text) in (3, 4) else text, len(text)


LEFT, RIGHT = _quoted("`"), _quoted("'")

WORDS = (
    Rule("c[+][+]", _same),
    Rule("(c|f)#", _same),
    Rule("cannot", _without_last(3)),
    Rule("'twas", _without_last(3)),
    Rule("'tis", _without_last(2)),
    Rule("gonna|gotta|lemme|gimme|wanna", _without_last(2)),
    Rule("{sgml}", _one_token),
    Rule("&(MD|mdash|ndash);|[\u0096\u0097\u2013\u2014\u2015]", _as("--")),
    Rule("{amp}", _ampersand),
    Rule("&(HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);", _same),
    Rule("{word}", _solid, before="{contracted}"),
    Rule("{negated}", _solid, before="{not}"),
    Rule("{word}", _solid),
    Rule("{apostrophe_word}", _same),
    Rule("y({apos})", _same, before="[\\l]"),
    Rule("{full_url}|{likely_url}", _same),
    Rule("{email}", _same),
    Rule("@[a-zA-Z_][a-zA-Z_0-9]*|#({letter})+", _same),
    Rule("{contracted}", RIGHT, before="[^A-Za-z]"),
    Rule("{not}", RIGHT, before="[^A-Za-z]"),
    Rule("{digit}{1,2}[-\\/]{digit}{1,2}[-\\/]{digit}{2,4}", _same),
    Rule("[-+]?({number})", _solid),
    Rule("[⁺⁻₊₋]?([⁰¹²³⁴-⁹]+|[₀-₉]+)", _same),
    Rule("{fraction}", _one_token),
    Rule("[¼½¾\u2153-\u215e]", _fraction),
    Rule("{bracket_name}", _ampersand),
    Rule("{slashed}", _same),
    Rule("[A-Z]*\\$|#", _same),
    Rule("[¢£¤¥\u0080₠€\u060b฿₤\uffe0\uffe1\uffe5\uffe6]", _money),
)
ABBREVIATIONS = (
    Rule("({initials})\\.", _initials, before=f"({{white}})+({STARTS}|{{sgml}})({{white}})"),
    Rule("{before_number}", _same, before="({white})?[\\d]"),
    Rule("(pt[eyEY]|co)\\.", _same, before="{space}(ltd|lim)"),
    Rule("{before_small}", _dotted, before="{sentence_end}"),
    Rule("{before_small}", _same, before="[^][^]"),
    Rule("{before_small}", _dotted),
    Rule("({before_capital})\\.", _same),
    Rule("{before_capital}", _same, before="{space}"),
    Rule("{initials}", _same, before="{white}"),
    Rule("({apos})[0-9][0-9]", _same, before="{white}"),
    Rule("{file_name}", _same, before="{white}|[.?!,]"),
    Rule("{word}\\.", _solid, before="{in_sentence}"),
    Rule("{phone}", _phone),
)
MARKS = (
    Rule("{double}", LEFT, before="[A-Za-z0-9$]"),
    Rule("{double}", RIGHT),
    Rule("\x7f", _nothing),
    Rule("<|&lt;", _as("<")),
    Rule(">|&gt;", _as(">")),
    Rule("{smiley}", _bracketed, before="[^A-Za-z0-9]"),
    Rule("{eastern_smiley}", _bracketed),
    *(
        Rule(f"\\{sign}", _as(name))
        for sign, name in zip("{}[]()", ["-LCB-", "-RCB-", "-LSB-", "-RSB-", "-LRB-", "-RRB-"], strict=True)
    ),
    Rule("-+", _dashes),
    Rule("\\.{3,5}|(\\.[ \u00a0]){2,4}\\.|[\u0085\u2026]", _as("...")),
    Rule("@+|#+|_+", _same),
    Rule("\\*+|(\\\\\\*){1,3}", _same),
    Rule("{in_sentence}", _same),
    Rule("[?!]+", _same),
    Rule("[.¡¿\u037e\u0589\u061f\u06d4\u0700-\u0702\u07fa\u3002]", _same),
    Rule("=|\\/", _same),
    Rule("{hyphened}\\.", _solid, before="{in_sentence}"),
    Rule("{hyphened}", _solid),
    Rule("{thing}\\.", _same, before="{in_sentence}"),
    Rule("{thing}", _same),
    Rule("{joined}\\.", _ampersand, before="{in_sentence}"),
    Rule("{joined}", _ampersand),
    Rule("'", LEFT, before="[A-Za-z][^ \t\n\r\u00a0]"),
    Rule("{contracted}", RIGHT),
    Rule("{not}", RIGHT),
    Rule(QUOTES, RIGHT),
    Rule("<<|>>", _same),
    Rule(f"[{SIGNS}]", _same),
    Rule("\x00|({space})+|[\u200b\u200e-\u200f\ufeff]", _nothing),
    Rule("{newline}", _as("\n")),
    Rule("&nbsp;", _nothing),
    Rule("[^\n\r\u000b\u000c\u0085\u2028\u2029]", _nothing),
)
RULES = WORDS + ABBREVIATIONS + MARKS
