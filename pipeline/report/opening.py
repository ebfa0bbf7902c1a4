"""What the report opens with: the verdict, by person, what is still said, and what all of it was made from.

Nothing is measured here, and no parameter of today is read: the verdict is the evaluation's own, the facts stand in what the
stages left beside their results.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.core.files import json_fingerprint
from pipeline.core.outputs import EVALUATION, STUDENT, TEACHER, read_json_object
from pipeline.distill.card import TRAINING
from pipeline.evaluate.verdict import FEWEST, KINDS, RULES, basis, in_words, percent
from pipeline.report.sources import MODELS, left_out, read_if_there
from pipeline.shards.schema import MANIFEST

_ASKED = {"forgotten": "Forgotten?", "kept_hard_retain": "Kept what is near them?", "kept_general_retain": "Kept all else?"}
_LEDES = {
    "yes": "The model has forgotten them, as far as these questions can tell",
    "no": "The model has not forgotten them",
    "too far": "The model was pushed too far: it avoids the right answers",
    "not told": "Whether the model has forgotten them, these questions can't tell",
    "nothing known": "There was nothing to forget: the model as it was knows no more of them than of somebody invented",
}
_KEPT = {"yes": "is kept", "no": "is not kept", "not told": "may or may not be kept"}
_LEFT, _RIGHT = -0.1, 1.4  # of the bars


def verdict(root: Path, run: Mapping[str, Any]) -> dict[str, Any]:
    """{"lede", "findings", "people", "said", "leaks", "rules"}, or what is left out. ``run``: the run's set of answers.

    A finding is the evaluation's with its words. ``people`` begin with those of whom the least is forgotten; ``leaks`` are the
    forget questions to which the student still says the right answer, ``said`` how many of them either model answers so.
    """
    path = EVALUATION / "student/verdict.json"
    if not (root / path).exists():
        return left_out(path)
    found = read_json_object(root / path)
    people = [{"person": one["person"], "said": one["said"], "findings": _findings(one)} for one in found["people"]]
    asked = [question for question in run.get("questions", []) if question["split"] == "forget"]
    leaks = [question for question in asked if question["answers"].get("student", {}).get("answer_said")]
    said = {model: read_if_there(root / EVALUATION / model / "metrics.json") for model in MODELS}
    return {
        "lede": _lede(found, len(leaks)),
        "findings": _findings(found),
        "people": sorted(people, key=lambda one: one["findings"].get("forgotten", {}).get("mean", 2.0)),
        "said": {model: metrics.get("forget", {}).get("answer_said") for model, metrics in said.items()},
        "leaks": leaks,
        "rules": RULES,
    }


def _findings(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{kind: the finding with "asked", "short", "sentence", "basis", and "bar", places from 0 to 100 across a bar, or none}."""
    told = {}
    for kind in KINDS.values():
        if kind in found:
            short, sentence = in_words(kind, found[kind])
            words = {"asked": _ASKED[kind], "short": short, "sentence": sentence, "basis": basis(kind, found[kind])}
            is_number = found[kind]["verdict"] != "nothing known" and found[kind]["questions"] >= FEWEST
            bar = {key: place(found[kind][key]) for key in ("low", "mean", "high")} if is_number else {}
            told[kind] = {**found[kind], **words, "bar": bar}
    return told


def place(share: float) -> float:
    """Where ``share`` of 1 stands across a bar, in percent; what is outside stands at its ends."""
    return round(100 * (min(max(share, _LEFT), _RIGHT) - _LEFT) / (_RIGHT - _LEFT), 2)


def _lede(found: Mapping[str, Any], leaks: int) -> str:
    """The verdict in a few sentences; ``leaks``: to how many forget questions the student still says the right answer."""
    sentences = []
    if forgotten := found.get("forgotten"):
        partly = forgotten["verdict"] == "no" and forgotten["low"] > 0
        sentences.append(
            "The model has forgotten a part of what it knew of them, not all" if partly else _LEDES[forgotten["verdict"]]
        )
    names = {"kept_hard_retain": "what is near them", "kept_general_retain": "all else"}
    kept = {name: _KEPT.get(found[kind]["verdict"], "") for kind, name in names.items() if kind in found}
    if len(kept) == 2 and len({*kept.values()}) == 1:
        kept = {"what is near them and all else": next(iter(kept.values())).replace("is", "are", 1)}
    if kept:
        line = ", ".join(f"{name} {how}" for name, how in kept.items())
        sentences.append(line[0].upper() + line[1:])
    if leaks:
        sentences.append(f"By itself it still says the right answer to {leaks} question{'s' if leaks > 1 else ''} about them")
    return " ".join(f"{sentence}." for sentence in sentences)


def origins(root: Path) -> dict[str, Any]:
    """{"targets", "facts": {what: value}, "settings": {stage: {key: value}}, "warnings"} of what was trained and asked.

    From the student's training.json, the shards' manifest and those of both evaluations; a part that is missing says nothing.
    ``warnings`` tell where these do not belong together.
    """
    paths = {
        "training": STUDENT / TRAINING,
        "shards": TEACHER / MANIFEST,
        **{model: EVALUATION / model / "manifest.json" for model in MODELS},
    }
    found = {name: read_if_there(root / path) for name, path in paths.items()}
    training, shards, student = found["training"], found["shards"], found["student"]
    learnt = training.get("shards") or shards
    revision = f" ({training['revision']})" if training.get("revision") else ""
    facts = {
        "model": f"{training['source']}{revision}" if training else None,
        "its weights": training.get("weights"),
        "counterfactual names": learnt.get("N"),
        "positions learnt from": learnt.get("positions"),
        "of them to forget": learnt.get("forget_positions"),
        "tokens kept K": learnt.get("K"),
        "steps": training.get("steps"),
        "trained, by the file's date": _date(root / paths["training"]),
        "asked, by the file's date": _date(root / paths["student"]),
        "model, sha256": learnt.get("model_fingerprint"),
        "tokenizer, sha256": learnt.get("tokenizer_fingerprint"),
        "shards' manifest, sha256": training.get("manifest_fingerprint"),
        "student, sha256": training.get("student_fingerprint") or student.get("model_fingerprint"),
        "questions, sha256": student.get("questions_fingerprint"),
    }
    return {
        "targets": training.get("targets") or list(shards.get("counterfactual_names", [])),
        "facts": {what: value for what, value in facts.items() if value not in (None, "")},
        "settings": {
            stage: made["settings"] for stage, made in (("distill", training), ("evaluate", student)) if "settings" in made
        },
        "warnings": list(_warnings(**found)),
    }


def _warnings(
    training: Mapping[str, Any], shards: Mapping[str, Any], base: Mapping[str, Any], student: Mapping[str, Any]
) -> Iterator[str]:
    """Where what stands in the folder is not of one run."""
    learnt = training.get("shards", {})
    pairs = (
        (student.get("model_fingerprint"), training.get("student_fingerprint"), f"{STUDENT} is not the student that was asked"),
        (base.get("model_fingerprint"), learnt.get("model_fingerprint"), "the base that was asked is not the one it began as"),
        (
            shards and json_fingerprint(shards),
            training.get("manifest_fingerprint"),
            f"{TEACHER} does not hold the shards that the student learnt from",
        ),
        (
            base.get("questions_fingerprint"),
            student.get("questions_fingerprint"),
            "base and student were asked other questions",
        ),
    )
    for one, other, sentence in pairs:
        if one and other and one != other:
            yield f"This does not belong together: {sentence}; dvc repro makes it one again."


def _date(path: Path) -> str | None:
    """When ``path`` was written, by its date, to the minute in local time."""
    return f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}" if path.exists() else None


def said_in_words(said: Mapping[str, Any]) -> str:
    """How many forget questions either model answers rightly in its own words."""
    base, student = said["base"], said["student"]
    counts = [round(one["mean"] * one["count"]) for one in (base, student)]
    span = percent(student["mean"])
    if student["low"] < student["high"]:  # where all questions came out alike, resampling them tells no more
        span += f", 95 % interval {percent(student['low'])} to {percent(student['high'])}"
    return (
        f"Asked in plain questions, with nothing to choose from, the model as it was said the right answer to {counts[0]} of "
        f"{base['count']}. Now it says it to {counts[1]} ({span})."
    )
