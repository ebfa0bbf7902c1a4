"""The data as one HTML page that needs nothing else: styles, scripts, the charting library and the answers stand in it.

What a model wrote is never trusted: the template escapes all it prints, the answers are JSON that holds no "<" and enter the
page as text, and the page's own policy lets only its two scripts run, by their hashes, and nothing load.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.report.charts import charts, scatter_lacks, shown
from pipeline.report.sources import OURS, title_of
from pipeline.report.teacher import FACTS

_FOLDER = Path(__file__).parent
_CRITERIA = {
    "efficacy": "Forgetting",
    "utility": "Utility",
    "quality": "Quality of the answers",
    "hallucination": "No hallucination",
    "robustness": "Robustness",
    "gap": "Interventional gap",
    "tofu": "TOFU",
}
_SPLITS = {"forget": "forget", "hard_retain": "hard-retain", "general_retain": "general-retain"}


def render(data: Mapping[str, Any]) -> str:
    """The page of what ``collect`` has found. The same data gives the same page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "shown": shown,
        "title": title_of,
        "criterion": lambda key: _CRITERIA.get(key, shown(key).capitalize()),
        "fact": lambda key: FACTS.get(key, shown(key)),
        "split": lambda key: _SPLITS.get(key, shown(str(key))),
    }
    library, script = charting_library(), (_FOLDER / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        data=data,
        charts=charts(data),
        scatter_lacks=scatter_lacks(data["benchmarks"]["tofu"]),
        answers=[found for found in data["answers"] if "questions" in found],
        ours=OURS,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        library=Markup(library),
        script=Markup(script),
        script_hashes=" ".join(f"'{script_hash(text)}'" for text in (library, script)),
    )


def number(value: float | bool | None) -> str:
    """A number for a table: whole ones as they are, else three decimals, one from 100 on, or a power of ten below 0.001."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"


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
