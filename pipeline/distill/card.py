"""The student's model card, models/student/README.md: what it is, what it was made from, and what it does not promise.

Its head has the metadata that the hub reads. What the student scores is not known yet when it has been trained; ``evaluate``
writes the same card with the numbers (see evaluate.results).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.distill.params import DistillParams
from pipeline.model.folder import model_fingerprint
from pipeline.model.params import EMBEDDED, EMBEDDED_HUB_ID, ModelParams
from pipeline.train.loop import Curve, epoch_mean

CARD = "README.md"
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


def write_card(student: Path, source: ModelParams, params: DistillParams, manifest: Mapping[str, Any], curve: Curve) -> None:
    """Write the card into the model folder ``student``. ``manifest``: of the shards that it was trained on."""
    from huggingface_hub import ModelCardData
    from jinja2 import Environment, StrictUndefined

    is_embedded = source.source == EMBEDDED
    metadata = ModelCardData(
        base_model=EMBEDDED_HUB_ID if is_embedded else None if Path(source.source).is_dir() else source.source,
        license="apache-2.0" if is_embedded else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["unlearning", "causal-intervention"],
    )
    facts = {name: manifest[key] for key, name in _FACTS.items() if key in manifest}
    facts["student, sha256"] = model_fingerprint(student)
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        metadata=metadata.to_yaml().strip(),
        title=Path(source.source).name,
        source=f"{source.source} ({source.revision})" if source.revision else source.source,
        targets=list(manifest["counterfactual_names"]),
        facts=facts,
        steps=len(curve),
        first_kl=epoch_mean(curve, 0, "forget_kl"),
        last_kl=epoch_mean(curve, params.epochs - 1, "forget_kl"),
        settings=params.model_dump(),
    )
    write_text(student / CARD, text)
