"""The report: all that it says as plain data, and the data as one HTML page that needs nothing else to be read.

What a model wrote is never trusted: the template escapes all it prints, the answers are JSON that holds no "<" and enter the
page as text, and the page's own policy lets only its two scripts run, by their hashes, and nothing load.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.report.charts import charts
from pipeline.report.curves import curves, sweep
from pipeline.report.evaluation import answer_sets, headline, run_metrics
from pipeline.report.lineage import lineage
from pipeline.report.sources import OURS, benchmark_tables, shown
from pipeline.report.teacher import teacher_summary
from pipeline.report.view import number, seeds, view

_FOLDER = Path(__file__).parent


def collect(root: Path = Path()) -> dict[str, Any]:
    """What is found below ``root``, the folder with dvc.yaml; in a missing part's place {"missing": one line}.

    It is the JSON beside the page. Raises InputError for a file that is there but can't be read.
    """
    run, tables = run_metrics(root), benchmark_tables(root)
    data = {
        "headline": headline(run, tables),
        "run": run,
        "benchmarks": tables,
        "sweep": sweep(root),
        "answers": answer_sets(root, tables),
        "curves": curves(root, tables),
        "teacher": teacher_summary(root),
        "lineage": lineage(root),
    }
    # Fit for the file: six significant digits, and null for what is no finite number.
    plain: dict[str, Any] = json.loads(
        json.dumps(data), parse_float=lambda digits: float(f"{float(digits):.6g}"), parse_constant=lambda _: None
    )
    return plain


def render(data: Mapping[str, Any]) -> str:
    """The page of what ``collect`` has found. The same data gives the same page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "seeds": seeds, "shown": shown}
    drawn = charts(data)
    scripts = charting_library(), (_FOLDER / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        view(data, drawn),
        charts=drawn,
        ours=OURS,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=" ".join(f"'{script_hash(script)}'" for script in scripts),
    )


@cache
def charting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, out of the vl-convert package, of the version that Altair writes for."""
    import altair
    import vl_convert

    version = altair.VEGALITE_VERSION.rpartition(".")[0]
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)).replace("\r", "")


def script_hash(text: str) -> str:
    """A script as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
