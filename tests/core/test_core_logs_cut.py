"""A crash may cut a log anywhere, also inside a character."""

from omma.core.logs import JsonLog


def test_a_line_cut_inside_a_character_is_dropped(tmp_path):
    log = JsonLog(tmp_path / "log.jsonl")
    log.write(text="whole")
    log.write(text="é")
    whole = log.path.read_bytes()
    for cut in range(len(whole) - 12, len(whole)):
        log.path.write_bytes(whole[:cut])
        assert [line["text"] for line in log.read()] in (["whole"], ["whole", "é"])
