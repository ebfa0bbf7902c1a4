"""What a student was made from: models/student/training.json for the stages after it, README.md, the model card, for people.

The card's head has the metadata that the hub reads. What the student scores is not known yet when it has been trained;
``evaluate`` writes the same card with the numbers (see evaluate.results).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import json_fingerprint, write_json, write_text
from pipeline.core.outputs import commit_of
from pipeline.distill.params import DistillParams
from pipeline.model.folder import model_fingerprint
from pipeline.model.params import EMBEDDED, EMBEDDED_HUB_ID, EMBEDDED_WEIGHTS, ModelParams
from pipeline.train.loop import Curve, epoch_mean

CARD = "README.md"
TRAINING = "training.json"
_TEMPLATE = Path(__file__).with_name("card.md.j2")
_FACTS = {  # of the shards' manifest
    "N": "counterfactual names",
    "K": "tokens kept a position",
    "reverse_swap": "reverse swap",
    "positions": "trained positions",
    "forget_positions": "of them of forget passages",
    "model_fingerprint": "base model, sha256",
    "tokenizer_fingerprint": "tokenizer, sha256",
}


def training_facts(
    student: Path, base: Path, source: ModelParams, params: DistillParams, manifest: Mapping[str, Any], curve: Curve
) -> dict[str, Any]:
    """What the model folder ``student`` was made from: ``base``, which ``source`` names, by the shards of ``manifest``.

    Losses are means over an epoch, in nats, null where no step has one.
    """

    def mean(epoch: int) -> float | None:
        value = epoch_mean(curve, epoch, "forget_kl")
        return round(value, 6) if value == value else None

    return {
        "source": source.source,
        "revision": commit_of(base) or source.revision,
        "weights": EMBEDDED_WEIGHTS if source.source == EMBEDDED else "",
        "student_fingerprint": model_fingerprint(student),
        "targets": list(manifest["counterfactual_names"]),
        "shards": {key: manifest[key] for key in _FACTS if key in manifest},
        "manifest_fingerprint": json_fingerprint(manifest),
        "settings": params.model_dump(),
        "steps": len(curve),
        "first_forget_kl": mean(0),
        "last_forget_kl": mean(params.epochs - 1),
    }


def write_card(student: Path, facts: Mapping[str, Any]) -> None:
    """Write ``facts`` as training_facts gives them into the model folder ``student``, as JSON and as the card."""
    from huggingface_hub import ModelCardData
    from jinja2 import Environment, StrictUndefined

    source, is_embedded = facts["source"], facts["source"] == EMBEDDED
    metadata = ModelCardData(
        base_model=EMBEDDED_HUB_ID if is_embedded else None if Path(source).is_dir() else source,
        license="apache-2.0" if is_embedded else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["unlearning", "causal-intervention"],
    )
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        **facts,
        metadata=metadata.to_yaml().strip(),
        title=Path(source).name,
        called=f"{source} ({facts['revision']})" if facts["revision"] else source,
        rows={_FACTS[key]: value for key, value in facts["shards"].items()} | {"student, sha256": facts["student_fingerprint"]},
    )
    write_json(student / TRAINING, facts)
    write_text(student / CARD, text)
