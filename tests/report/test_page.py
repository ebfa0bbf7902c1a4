"""What is collected, every input optional, and the page as text: self-contained, escaped, the same for the same data."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.core.errors import InputError
from pipeline.report.page import charting_library, collect, not_run, number, render, script_hash
from stages.report import main
from tests.report.inputs import HOSTILE, benchmark_table, write_benchmark, write_run, write_sweep


class Loads(HTMLParser):
    """What the attributes of a page's elements point to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "action", "data", "poster")]


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("report")
    write_run(root)
    write_benchmark(root, "tofu")
    return render(collect(root))


def test_nothing_in_the_page_loads_anything(html: str) -> None:
    reader = Loads()
    reader.feed(html)
    assert reader.targets and all(target.startswith(("#", "data:,")) for target in reader.targets)
    own = html.replace(charting_library(), "")
    assert len(own) < len(html)
    assert not re.search(r"@import|url\(|http-equiv=.refresh|https?://", own)


def test_the_policy_lets_only_the_pages_own_scripts_run(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy and "default-src 'none'" in policy[1] and "unsafe-eval" not in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        assert f"'{script_hash(script)}'" in unescape(policy[1])


def test_what_a_model_wrote_is_never_markup(html: str) -> None:
    assert HOSTILE not in html
    assert "window.broken = true</script>" not in html
    data = re.search(r'id="answers-data">(.*?)</script>', html, re.DOTALL)
    assert data
    answers = json.loads(data[1])
    assert answers[0]["questions"][1]["answers"]["student"]["response"] == HOSTILE


def test_the_library_can_stand_in_a_script_element() -> None:
    library = charting_library()
    assert "</script" not in library and "<!--" not in library and "\r" not in library


def test_same_data_same_page(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert render(collect(tmp_path)) == render(collect(tmp_path))


def test_a_criterion_without_a_bar_is_named(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "tofu")
    data = collect(tmp_path)
    assert "Without a bar" not in render(data)
    del data["benchmarks"]["tofu"]["bars"]["utility"]
    (told,) = [line for line in render(data).splitlines() if "Without a bar" in line]
    assert "none has any: Utility.</p>" in told


def test_a_benchmark_without_criteria_has_no_heading_among_them(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "tofu")
    data = collect(tmp_path)
    assert "<h3>TOFU</h3>" in criteria_of(render(data))
    table = data["benchmarks"]["tofu"]
    table["bars"], table["measures"] = {}, [m for m in table["measures"] if m["criterion"] == "tofu"]
    assert table["measures"]
    assert 'id="criteria"' not in render(data)


def criteria_of(page: str) -> str:
    """The page's section on the criteria."""
    return page.split('<section id="criteria">')[1].split("</section>")[0]


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0, "0"), (12345, "12\u202f345"), (0.0, "0.000"), (0.12345, "0.123"), (1.2e-21, "1.2e-21"), (416.3, "416.3")],
)
def test_numbers_are_short(value: float | None, told: str) -> None:
    assert number(value) == told


def test_the_stage_writes_the_page_and_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "evaluation/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    data = json.loads((tmp_path / "evaluation/report.json").read_text(encoding="utf-8"))
    assert data["run"]["summary"]["forgotten"] == 0.8072
    refused = CliRunner().invoke(main, ["--output", "report.json"])
    assert refused.exit_code == 2
    assert "must end in .html" in refused.output
    assert not (tmp_path / "report.json").exists()


def test_an_empty_folder_says_in_one_line_which_command_makes_each_part(tmp_path: Path) -> None:
    data = collect(tmp_path)
    assert data["headline"] == []
    assert data["run"]["missing"] == "Left out: evaluation/metrics.json is missing; dvc repro evaluate makes it."
    assert "nevermet sweep teacher.names --prefix names-" in data["sweep"]["missing"]
    assert "dvc repro teacher" in data["teacher"]["missing"]
    assert all("missing" in table for table in data["benchmarks"].values())
    assert all("missing" in part for part in [*data["answers"], *data["curves"]])
    page = render(data)
    (line,) = [line for line in page.splitlines() if "Not run: " in line]
    commands = ("dvc repro evaluate", "dvc repro distill", "dvc repro teacher", "nevermet sweep", "nevermet benchmark tofu")
    assert all(command in line for command in commands)
    assert page.index("Not run: ") > page.rindex("</section>")
    assert re.findall('<section id="([^"]+)"', page) == ["now"]
    assert 'class="chart"' not in page


def test_what_was_run_is_not_among_what_was_not(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_sweep(tmp_path)
    data = collect(tmp_path)
    assert list(not_run(data)) == ["teacher", "fidelity", "Project", "Test people", "TOFU", "WPU", "RWKU"]
    anchors = re.findall('<section id="([^"]+)"', render(data))
    assert anchors == ["verdict", "leaks", "rules", "origins", "headline", "values", "answers", "curves", "names", "now"]


def test_the_projects_own_sweep_is_not_shown_as_the_users(tmp_path: Path) -> None:
    write_sweep(tmp_path, "docs")
    assert "missing" in collect(tmp_path)["sweep"]


def test_todays_parameters_are_neither_read_nor_shown(tmp_path: Path) -> None:
    write_run(tmp_path)
    before = render(collect(tmp_path))
    (tmp_path / "params.yaml").write_text("model: {sauce: [", encoding="utf-8")
    assert render(collect(tmp_path)) == before


def test_parts_are_found_one_by_one(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_benchmark(tmp_path, "wpu")
    data = collect(tmp_path)
    assert [row["names"] for row in data["sweep"]["rows"]] == [1, 5, 20]
    assert "missing" in data["benchmarks"]["tofu"]
    assert data["benchmarks"]["wpu"]["methods"][1] == "teacher_student"
    assert [found["source"] for found in data["answers"] if "questions" in found] == ["wpu"]
    assert [curve["source"] for curve in data["curves"] if "runs" in curve] == ["wpu"]


def test_a_benchmark_of_the_users_own_is_found_by_its_table(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "our_clients")
    (tmp_path / "benchmarks/results/tuning").mkdir()
    data = collect(tmp_path)
    assert list(data["benchmarks"]) == ["project", "people", "tofu", "wpu", "rwku", "our_clients"]
    (answers,) = [found for found in data["answers"] if "questions" in found]
    assert (answers["source"], answers["title"]) == ("our_clients", "our clients")
    assert [curve["title"] for curve in data["curves"] if "runs" in curve] == ["our clients"]
    assert any(card["label"].startswith("our clients") for card in data["headline"])
    assert "<h3>our clients</h3>" in render(data)


def test_run_has_intervals_where_the_models_own_metrics_stand(tmp_path: Path) -> None:
    write_run(tmp_path)
    row = collect(tmp_path)["run"]["splits"][0]["rows"][0]
    assert row["base"] == {"mean": 0.5, "low": 0.2, "high": 0.6, "count": 12}
    (tmp_path / "evaluation/base/metrics.json").unlink()
    assert collect(tmp_path)["run"]["splits"][0]["rows"][0]["base"] == {"mean": 0.5}


def test_a_number_that_is_none_becomes_null(tmp_path: Path) -> None:
    table = benchmark_table("wpu")
    table["values"]["npo"]["efficacy.rouge_l_recall"]["mean"] = float("nan")
    write_benchmark(tmp_path, "wpu")
    (tmp_path / "benchmarks/results/wpu/table.json").write_text(json.dumps(table), encoding="utf-8")
    data = collect(tmp_path)
    assert data["benchmarks"]["wpu"]["values"]["npo"]["efficacy.rouge_l_recall"]["mean"] is None
    assert '<th scope="row">npo</th>\n<td data-value="">–</td>' in render(data)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("benchmarks/results/wpu/table.json", "{", "benchmarks/results/wpu/table.json is not valid JSON"),
        ("benchmarks/results/wpu/table.json", "[]", "must hold a JSON object"),
        ("benchmarks/results/wpu/table.json", "{}", "lacks 'methods'"),
        ("evaluation/base/answers.parquet", "no table", "can't be read as Parquet"),
        ("evaluation/distill_curve.csv", "step,forget_kl\n0,much\n", "line 2"),
        ("evaluation/distill_curve.csv", "step,forget_kl\n0,1,2\n", "can't be read as CSV"),
        ("evaluation/names_sweep.csv", "count,forgotten\n1,0.5\n", "lacks the column 'names'"),
        ("evaluation/student/verdict.json", "[]", "must hold a JSON object"),
        ("models/student/training.json", "{", "models/student/training.json is not valid JSON"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, file: str, text: str, told: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        collect(tmp_path)
    assert told in raised.value.message
    assert path.name in raised.value.message


def test_page_says_what_a_tables_intervals_are_over(tmp_path: Path) -> None:
    table = benchmark_table("wpu")
    path = tmp_path / "benchmarks/results/wpu/table.json"
    path.parent.mkdir(parents=True)
    for over, words in (("seeds", "seeds"), ("questions", "people, questions and seeds")):
        for cells in table["values"].values():
            for cell in filter(None, cells.values()):
                cell["over"] = over
        path.write_text(json.dumps(table), encoding="utf-8")
        assert f"brackets: 95 % intervals over {words}. A column" in render(collect(tmp_path))
