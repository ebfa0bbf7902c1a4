"""The whole of elicit: whom to ask, the answers, and those of them that are worth learning from, written as a folder."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.files import published_folder
from pipeline.core.outputs import check_model
from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.ask import check_answers, elicit, passages_of, write_answers
from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import NEIGHBOUR_TEMPLATES_FILE, read_refusals, read_templates
from pipeline.prepare.tables import read_targets_table
from pipeline.text.passages import read_passages, write_passages


def elicit_folder(model: Path, prepared: Path, params: ElicitParams, runtime: RuntimeParams, output: Path) -> Iterator[str]:
    """Ask the model in ``model`` about the targets of ``prepared``, write ``output`` and yield lines that say what it holds.

    Raises InputError for a model that is not there, and as ``check_answers`` does.
    """
    check_model(model)
    targets = read_targets_table(prepared)
    with_texts = {passage.target for passage in read_passages(prepared) if passage.kind == "forget"}
    near = read_templates(NEIGHBOUR_TEMPLATES_FILE)
    rows = elicit(model, targets, with_texts, read_templates(), near, read_refusals(), params, runtime)
    check_answers(rows, targets, with_texts)
    passages = passages_of(rows, targets)
    with published_folder(output) as folder:
        write_answers(folder, rows)
        write_passages(folder, passages)
    kept = {kind: sum(passage.kind == kind for passage in passages) for kind in ("forget", "retain")}
    asked, near_by = ({row["subject"] for row in rows if row["kind"] == kind} for kind in ("forget", "retain"))
    yield f"{output}: passages.parquet, answers.parquet"
    yield f"{len(rows)} answers, of which {kept['forget']} forget passages and {kept['retain']} retain passages"
    yield f"{len(asked)} targets and {len(near_by)} neighbours were asked about"
