"""Conversations of the released InternVL code by their name in config.json (`template`) → chat templates of messages of parts.

OpenGVLab/InternVL `internvl/conversation.py`; `chatml` is Qwen's, without a line for those who give no system turn. A picture is
the slot token and a line break, as `chat` puts it before the words.
"""

from dataclasses import dataclass

from omma.core.config import did_you_mean
from omma.core.errors import CheckpointError

OLD_SYSTEM = "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。"
SYSTEM = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"


@dataclass(frozen=True, slots=True)
class Conversation:
    """`system` is said where nobody gives a system turn; without one there is none. `opening` stands before a turn's words,
    `ending` behind those of each role; `prelude` is written before everything."""

    system: str
    opening: dict[str, str]
    ending: dict[str, str]
    prelude: str = ""

    def jinja(self, slot: str, system: str | None = None) -> str:
        """Slot token + another system message → the template."""
        said = self.system if system is None else system
        default = _text(self.prelude)
        if said:
            turn = _text(self.opening["system"] + said + self.ending["system"])
            default += "{% if messages[0]['role'] != 'system' %}" + turn + "{% endif %}"
        turns = "".join(
            f"{{% {'elif' if i else 'if'} message['role'] == '{role}' %}}{_text(opening)}{CONTENT}{_text(self.ending[role])}"
            for i, (role, opening) in enumerate(self.opening.items())
        )
        body = "{% for message in messages %}" + turns + "{% endif %}{% endfor %}"
        header = "{% if add_generation_prompt %}" + _text(self.opening["assistant"].rstrip(" ")) + "{% endif %}"
        return default + body.replace("SLOT", slot) + header


CONTENT = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'video') %}{{ 'SLOT\\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
)


def _text(said: str) -> str:
    return "{{ " + repr(said) + " }}" if said else ""


def _chatml(system: str, ending: str) -> Conversation:
    roles = ("system", "user", "assistant")
    return Conversation(system, {role: f"<|im_start|>{role}\n" for role in roles}, dict.fromkeys(roles, ending))


CONVERSATIONS = {
    "internvl2_5": _chatml(SYSTEM, "<|im_end|>\n"),
    "internlm2-chat": _chatml(OLD_SYSTEM, "<|im_end|>"),
    "Hermes-2": _chatml(OLD_SYSTEM, "<|im_end|>"),
    "chatml": _chatml("", "<|im_end|>\n"),
    "internvl_zh": Conversation(
        "", {"user": "<human>: ", "assistant": "<bot>: "}, {"user": " ", "assistant": "</s>"}, prelude=" "
    ),
}  # fmt: skip


def conversation(name: str, slot: str, system: str | None, *, where: str) -> str:
    """`template` of config.json + slot token + its `system_message`, if it has one → the chat template."""
    if name not in CONVERSATIONS:
        fix = did_you_mean(str(name), sorted(CONVERSATIONS))
        raise CheckpointError(where, f"template is {name!r}", f"one of {', '.join(CONVERSATIONS)}", fix)
    return CONVERSATIONS[name].jinja(slot, system)
