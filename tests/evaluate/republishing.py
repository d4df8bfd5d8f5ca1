"""Invented questions of `fixtures` as they circulate beside the released files: Parquet files of the hub, TSVs of VLMEvalKit.

Column names are those of the public republications.
"""

import csv

import pyarrow as pa
import pyarrow.parquet as pq

from omma.evaluate.benchmarks.a_okvqa import AOkVqaChoices, AOkVqaQuestions
from omma.evaluate.benchmarks.chartqa import ChartQaQuestions
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions, InfoVqaQuestions
from omma.evaluate.benchmarks.gqa import GqaQuestions
from omma.evaluate.benchmarks.hallusionbench import HallusionBenchQuestions
from omma.evaluate.benchmarks.mm_vet import MmVetQuestions
from omma.evaluate.benchmarks.mme import MmeQuestions
from omma.evaluate.benchmarks.ocrbench import OcrBenchQuestions
from omma.evaluate.benchmarks.ok_vqa import OkVqaQuestions
from omma.evaluate.benchmarks.textvqa import ReadTextVqaQuestions, TextVqaQuestions
from omma.evaluate.benchmarks.vizwiz import VizWizQuestions
from omma.evaluate.benchmarks.vqav2 import VqaV2Questions
from tests.evaluate.drawing import coded, png
from tests.evaluate.fixtures import a_okvqa, chartqa, docvqa, gqa, hallusionbench, mm_vet, mme, ocrbench, textvqa, vizwiz, vqav2

PICTURE = {"bytes": png(), "path": None}


def parquet(root, files):
    """Name → rows, each a Parquet file below the benchmark's folder."""
    for name, rows in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), root / name)


def tsv(root, name, rows):
    """A table as VLMEvalKit writes them: lists as Python literals, pictures in base64."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / name).open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        out.writeheader()
        out.writerows(rows)


def vqa_hub(root):
    rows = [
        {
            "question_id": key,
            "image": PICTURE,
            "question": words,
            "answers": [{"answer": text, "answer_confidence": "yes", "answer_id": i} for i, text in enumerate(golds, 1)],
            "answer_type": sort,
        }
        for key, _, words, sort, _, golds in vqav2.ROWS
    ]
    parquet(root, {"data/validation-00000-of-00002.parquet": rows[:4], "data/validation-00001-of-00002.parquet": rows[4:]})


def ok_vqa_hub(root):
    rows = [
        {"question_id": str(key), "image": PICTURE, "question": words, "answers": golds}
        for key, _, words, _, _, golds in vqav2.ROWS
    ]
    parquet(root, {"data/val2014-00000-of-00001.parquet": rows})


def a_okvqa_hub(root):
    rows = [
        {
            "image": PICTURE,
            "question_id": key,
            "question": words,
            "choices": choices,
            "correct_choice_idx": right,
            "direct_answers": str(golds),
            "difficult_direct_answer": key == "q7",
        }
        for key, _, words, choices, right, golds in a_okvqa.ROWS
    ]
    parquet(root, {"data/validation-00000-of-00001.parquet": rows})


def a_okvqa_tsv(root):
    rows = [
        {"index": i, "question": words, **dict(zip("ABCD", choices, strict=True)), "answer": "ABCD"[right], "image": coded()}
        for i, (_, _, words, choices, right, _) in enumerate(a_okvqa.ROWS)
    ]
    tsv(root, "a-okvqa.tsv", rows)


def vizwiz_hub(root):
    rows = [
        {"question_id": f"VizWiz_val_{i:08}.jpg", "image": PICTURE, "question": words, "answers": golds, "category": kind}
        for i, (words, golds, kind, *_) in enumerate(vizwiz.ROWS)
    ]
    parquet(root, {"data/val-00000-of-00001.parquet": rows})


def vizwiz_tsv(root):
    rows = [{"index": i, "image": coded(), "question": words, "answers": golds} for i, (words, golds, *_) in enumerate(vizwiz.ROWS)]
    tsv(root, "VizWiz.tsv", rows)


def gqa_hub(root):
    rows = [
        {
            "id": key,
            "imageId": image,
            "question": words,
            "answer": answer,
            "types": {"detailed": "any", "semantic": semantic, "structural": structural},
            "groups": {"global": gqa.GROUPS.get(answer), "local": None},
        }
        for key, image, words, answer, structural, semantic in gqa.ROWS
    ]
    pictures = [{"id": name, "image": PICTURE} for name in ("n1", "n2")]
    parquet(
        root,
        {
            "testdev_balanced_images/testdev-00000-of-00001.parquet": pictures,
            "testdev_balanced_instructions/testdev-00000-of-00001.parquet": rows,
            "testdev_all_instructions/testdev-00000-of-00001.parquet": [{**rows[0], "id": "1", "question": "And unbalanced?"}],
        },
    )


def gqa_tsv(root):
    rows = [{"index": key, "image": coded(), "question": words, "answer": answer} for key, _, words, answer, *_ in gqa.ROWS]
    tsv(root, "GQA_TestDev_Balanced.tsv", rows)


def textvqa_hub(root):
    rows = [
        {
            "image_id": image,
            "question_id": key,
            "question": words,
            "image": PICTURE,
            "answers": golds,
            "ocr_tokens": textvqa.READ[image],
        }
        for key, image, words, golds in textvqa.ROWS
    ]
    parquet(root, {"data/validation-00000-of-00001.parquet": rows})


def textvqa_tsv(root):
    rows = [{"index": key, "image": coded(), "question": words, "answer": golds} for key, _, words, golds in textvqa.ROWS]
    tsv(root, "TextVQA_VAL.tsv", rows)


def docvqa_hub(root):
    rows = [{"questionId": str(key), "question": words, "image": PICTURE, "answers": golds} for key, _, words, golds in docvqa.ROWS]
    parquet(root, {"validation-00000-of-00001.parquet": rows})


def docvqa_snapshot(root):
    """Both benchmarks as the hub keeps them, in folders side by side."""
    docvqa_hub(root / "DocVQA")
    docvqa_hub(root / "InfographicVQA")


def docvqa_tsv(name):
    rows = [{"index": key, "image": coded(), "question": words, "answer": golds} for key, _, words, golds in docvqa.ROWS]
    return lambda root: tsv(root, name, rows)


def chartqa_rows():
    return [(kind, *row) for kind, rows in (("human", chartqa.HUMAN), ("augmented", chartqa.AUGMENTED)) for row in rows]


def chartqa_hub(root):
    rows = [
        {"image": PICTURE, "query": words, "label": [label], "human_or_machine": int(kind == "augmented")}
        for kind, _, words, label in chartqa_rows()
    ]
    parquet(root, {"data/test-00000-of-00001.parquet": rows})


def chartqa_lmms(root):
    rows = [
        {"type": f"{kind}_test", "question": words, "answer": label, "image": PICTURE} for kind, _, words, label in chartqa_rows()
    ]
    parquet(root, {"data/test-00000-of-00001.parquet": rows})


def chartqa_tsv(root):
    rows = [
        {"index": i, "image": coded(), "question": words, "answer": [label], "split": f"test_{kind}"}
        for i, (kind, _, words, label) in enumerate(chartqa_rows())
    ]
    tsv(root, "ChartQA_TEST.tsv", rows)


def ocrbench_hub(root):
    rows = [
        {
            "dataset": source,
            "question": words,
            "question_type": kind,
            "answer": golds if isinstance(golds, list) else [golds],
            "image": PICTURE,
        }
        for source, _, words, golds, kind in ocrbench.ROWS
    ]
    parquet(root, {"data/test-00000-of-00001.parquet": rows})


def ocrbench_tsv(root):
    rows = [
        {
            "index": i,
            "image": coded(),
            "question": words,
            "answer": golds if isinstance(golds, list) else [golds],
            "category": kind,
        }
        for i, (_, _, words, golds, kind) in enumerate(ocrbench.ROWS)
    ]
    tsv(root, "OCRBench.tsv", rows)


def mme_rows():
    for task, shown in (("existence", mme.FLAT), ("artwork", mme.APART)):
        for name, (yes, no) in shown.items():
            yield from ((task, f"{name}.jpg", f"{words} {mme.PLEASE}", right) for words, right in ((yes, "Yes"), (no, "No")))


def mme_hub(root):
    rows = [
        {"question_id": f"{task}/{image}", "image": PICTURE, "question": words, "answer": right, "category": task}
        for task, image, words, right in mme_rows()
    ]
    parquet(root, {"data/test-00000-of-00002.parquet": rows[:3], "data/test-00001-of-00002.parquet": rows[3:]})


def mme_tsv(root):
    rows = [
        {"index": i, "image": coded(), "question": words, "answer": right, "category": task, "image_path": f"{task}/images/{image}"}
        for i, (task, image, words, right) in enumerate(mme_rows())
    ]
    tsv(root, "MME.tsv", rows)


def hallusion_rows():
    return [dict(zip(hallusionbench.NAMES, row, strict=True)) for row in hallusionbench.ROWS]


def hallusion_hub(root):
    seen = [row | {"image": PICTURE} for row in hallusion_rows() if row["filename"]]
    unseen = [row for row in hallusion_rows() if not row["filename"]]
    parquet(root, {"data/image-00000-of-00001.parquet": seen, "data/non_image-00000-of-00001.parquet": unseen})


def hallusion_tsv(root):
    rows = [
        {
            "index": "_".join(
                row[name] for name in ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")
            ),
            "question": row["question"],
            "answer": {"1": "Yes", "0": "No"}[row["gt_answer"]],
            "category": row["category"],
            "l2-category": row["subcategory"],
            "image": coded() if row["filename"] else "",
        }
        for row in hallusion_rows()
    ]
    tsv(root, "HallusionBench.tsv", rows)


def mm_vet_hub(root):
    rows = [
        {"question_id": key, "image": PICTURE, "question": words, "answer": gold, "capability": ",".join(needs)}
        for key, words, gold, needs in mm_vet.ROWS
    ]
    parquet(root, {"data/test-00000-of-00001.parquet": rows})


def mm_vet_tsv(root):
    rows = [
        {"index": i, "image": coded(), "question": words, "answer": gold, "category": ",".join(needs)}
        for i, (_, words, gold, needs) in enumerate(mm_vet.ROWS)
    ]
    tsv(root, "MMVet.tsv", rows)


CASES = {
    "vqav2 hub": (VqaV2Questions(), vqa_hub),
    "ok_vqa hub": (OkVqaQuestions(), ok_vqa_hub),
    "a_okvqa hub": (AOkVqaQuestions(), a_okvqa_hub),
    "a_okvqa choices hub": (AOkVqaChoices(), a_okvqa_hub),
    "a_okvqa choices tsv": (AOkVqaChoices(), a_okvqa_tsv),
    "vizwiz hub": (VizWizQuestions(), vizwiz_hub),
    "vizwiz tsv": (VizWizQuestions(), vizwiz_tsv),
    "gqa hub": (GqaQuestions(), gqa_hub),
    "gqa tsv": (GqaQuestions(), gqa_tsv),
    "textvqa hub": (TextVqaQuestions(), textvqa_hub),
    "textvqa with words hub": (ReadTextVqaQuestions(), textvqa_hub),
    "textvqa tsv": (TextVqaQuestions(), textvqa_tsv),
    "docvqa hub": (DocVqaQuestions(), docvqa_hub),
    "docvqa snapshot": (DocVqaQuestions(), docvqa_snapshot),
    "infovqa snapshot": (InfoVqaQuestions(), docvqa_snapshot),
    "docvqa tsv": (DocVqaQuestions(), docvqa_tsv("DocVQA_VAL.tsv")),
    "infovqa hub": (InfoVqaQuestions(), docvqa_hub),
    "infovqa tsv": (InfoVqaQuestions(), docvqa_tsv("InfoVQA_VAL.tsv")),
    "chartqa hub": (ChartQaQuestions(), chartqa_hub),
    "chartqa hub of lmms-eval": (ChartQaQuestions(), chartqa_lmms),
    "chartqa tsv": (ChartQaQuestions(), chartqa_tsv),
    "ocrbench hub": (OcrBenchQuestions(), ocrbench_hub),
    "ocrbench tsv": (OcrBenchQuestions(), ocrbench_tsv),
    "mme hub": (MmeQuestions(), mme_hub),
    "mme tsv": (MmeQuestions(), mme_tsv),
    "hallusionbench hub": (HallusionBenchQuestions(), hallusion_hub),
    "hallusionbench tsv": (HallusionBenchQuestions(), hallusion_tsv),
    "mm_vet hub": (MmVetQuestions(), mm_vet_hub),
    "mm_vet tsv": (MmVetQuestions(), mm_vet_tsv),
}
