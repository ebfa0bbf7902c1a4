"""The model card: what the hub reads, what a person reads, before and after the evaluation."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from pipeline.core.files import json_fingerprint
from pipeline.core.outputs import read_json_object
from pipeline.distill.card import CARD, TRAINING, training_facts, write_card
from pipeline.distill.params import DistillParams
from pipeline.evaluate.results import with_metrics
from pipeline.evaluate.verdict import RULES
from pipeline.model.folder import model_fingerprint
from pipeline.model.params import EMBEDDED_WEIGHTS, ModelParams
from pipeline.train.loop import Curve

MANIFEST = {
    "N": 20, "K": 128, "reverse_swap": "published", "positions": 7, "model_fingerprint": "b" * 64,
    "counterfactual_names": {"Orla Brennick": [], "Ada Lind": []},
}  # fmt: skip
CURVE: Curve = [{"step": 0.0, "epoch": 0.0, "forget_kl": 0.5}, {"step": 1.0, "epoch": 1.0, "forget_kl": 0.25}]
SUMMARY = {"forgotten": 0.8165, "kept_hard_retain": 0.9805, "self_consistency": 0.11}
FORGOTTEN = {
    "verdict": "no", "questions": 30, "people": 2, "base": 0.85, "student": 0.4, "floor": 0.2, "mean": 0.8165, "low": 0.7,
    "high": 0.9,
}  # fmt: skip


def write(folder: Path, source: str, curve: Curve = CURVE) -> str:
    (folder / "config.json").write_text("{}", encoding="utf-8")
    params = DistillParams(learning_rate=3e-5, epochs=2)
    write_card(folder, training_facts(folder, folder, ModelParams(source=source), params, MANIFEST, curve))
    return (folder / CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "base", "title"),
    [
        ("smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
        ("org/model", "org/model", "model"),
        (".", None, ""),
    ],
)
def test_card_names_base_targets_parameters_and_hashes(tmp_path: Path, source: str, base: str | None, title: str) -> None:
    text = write(tmp_path, source)
    card = ModelCard(text)
    assert card.data.base_model == base
    assert card.data.library_name == "transformers" and "unlearning" in card.data.tags
    assert card.data.license == ("apache-2.0" if source.startswith("smollm2") else None)
    for told in (
        f"# {title} without Orla Brennick, Ada Lind",
        "made to forget Orla Brennick and Ada Lind by",
        "| learning rate | 3e-05 |",
        "| counterfactual names | 20 |",
        "b" * 64,
        model_fingerprint(tmp_path),
        "0.500 nats in the first epoch, 0.250 in the last",
        "## Limits",
    ):
        assert told in text, told
    assert (EMBEDDED_WEIGHTS in text) == source.startswith("smollm2")


def test_what_the_stages_after_it_read_holds_the_shards_and_the_student(tmp_path: Path) -> None:
    write(tmp_path, "org/model")
    facts = read_json_object(tmp_path / TRAINING)
    assert facts["targets"] == ["Orla Brennick", "Ada Lind"]
    assert facts["student_fingerprint"] == model_fingerprint(tmp_path)
    assert facts["manifest_fingerprint"] == json_fingerprint(MANIFEST)
    assert (facts["source"], facts["weights"], facts["settings"]["epochs"]) == ("org/model", "", 2)
    assert (facts["steps"], facts["first_forget_kl"], facts["last_forget_kl"]) == (2, 0.5, 0.25)


def test_an_epoch_that_was_never_reached_has_no_loss(tmp_path: Path) -> None:
    text = write(tmp_path, "org/model", CURVE[:1])
    assert "1 steps.\n" in text and "nats" not in text
    assert read_json_object(tmp_path / TRAINING)["last_forget_kl"] is None


def test_evaluated_card_has_the_metrics_where_the_hub_reads_them_and_loses_nothing(tmp_path: Path) -> None:
    before = write(tmp_path, "org/model")
    after = with_metrics(before, SUMMARY, {"forgotten": FORGOTTEN})
    card = ModelCard(after)
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        "forgotten": 0.8165,
        "kept_hard_retain": 0.9805,
    }
    assert card.data.base_model == "org/model"
    assert after.index("## Measured") < after.index("## Limits")
    body = before.partition("---\n# ")[2]
    assert all(line in after for line in body.splitlines())


def test_intervals_stand_beside_the_ratios_they_are_of(tmp_path: Path) -> None:
    spans = {"forgotten_low": 0.7, "forgotten_high": 0.9}
    card = with_metrics(write(tmp_path, "org/model"), {**SUMMARY, **spans}, {"forgotten": FORGOTTEN})
    assert "| forgotten | 0.8165 [0.7, 0.9] |" in card
    assert "| kept hard retain | 0.9805 |" in card
    assert "- Forgotten? Not all of it. 82 % (95 % interval 70 % to 90 %)" in card
    assert all(rule in card for rule in RULES.values())
