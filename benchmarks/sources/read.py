"""The data of a benchmark, whatever form they have, as stage ``prepare`` takes them."""

from benchmarks.sources.params import SourceParams
from benchmarks.sources.rwku import read_rwku
from benchmarks.sources.tofu import read_tofu
from benchmarks.sources.wpu import read_wpu
from pipeline.core.errors import ParamError
from pipeline.prepare.build import asked_texts, read_files, settled
from pipeline.prepare.tables import Source
from pipeline.prepare.targets import check_apart

_READERS = {"wpu": read_wpu, "tofu": read_tofu, "rwku": read_rwku}


def read_source(params: SourceParams, *, elicits: bool) -> Source:
    """What ``params.source`` names, with no more than the limits. Raises InputError for whatever is wrong with it."""
    if params.source == "files":
        if params.subset:
            raise ParamError("prepare.subset is for a benchmark, but prepare.source is 'files'; empty it.")
        return read_files(params, elicits=elicits)
    source = _READERS[params.source](params)
    check_apart(source.targets, {})
    cure = "leave that target out (prepare.targets)"
    return settled(source, params, asked_texts(source.questions), [], params.path or params.source, cure)
