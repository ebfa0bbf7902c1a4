"""The numbers of the reference logs that the project keeps are the published logs' own."""

import json

import pytest

from tests.benchmarks.tofu.reference import FILES, REFERENCE, column, read_log
from tests.project import ROOT

PUBLISHED = ROOT.parent / "shared/data/tofu_reference"


@pytest.mark.parametrize("name", sorted(path.name for path in REFERENCE.iterdir()))
def test_of_every_log(name: str) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip(f"the published logs are not at {PUBLISHED}")
    kept, published = read_log(name), json.loads((PUBLISHED / name).read_text(encoding="utf-8"))
    for part in FILES.values() if "aggregated" in name else ("",):
        for field in kept[part] if part else kept:
            log, source = (kept[part], published[part]) if part else (kept, published)
            assert column(log, field) == list(source[field].values())
