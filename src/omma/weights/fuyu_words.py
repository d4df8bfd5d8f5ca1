"""Fuyu's words as a chat template: pictures first, <s>, what is asked, <0x04>, the answer, |ENDOFTEXT|.

transformers `models/fuyu/processing_fuyu.py` writes the same around one picture and one text.
"""

SLOT, NEWLINE = "|SPEAKER|", "|NEWLINE|"
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{{ eos_token }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '|SPEAKER|' }}{% endif %}{% endfor %}"
    "{{ bos_token }}{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<0x04>' }}{% endif %}{% endfor %}"
)
