"""The headline says what was measured, in readable numbers, and nothing of what was not."""

from pipeline.report.headline import headline
from tests.report.inputs import benchmark_table


def test_run_numbers_have_their_meaning() -> None:
    cards = headline(
        {"summary": {"forgotten": 0.8072, "names_stand_in": 0, "self_consistency": 0.1, "floor_consistency": 0.2}}, {}
    )
    assert [(card["label"], card["value"]) for card in cards] == [
        ("forgotten", "80.7\u202f%"),
        ("stand-ins named", "0"),
        ("sampled answers agree", "0.100"),
    ]
    assert cards[2]["meaning"].endswith("0.200")


def test_criteria_led_are_counted_without_the_base() -> None:
    table = benchmark_table("wpu")
    table["bars"] = {
        "efficacy": {"base": 0.2, "teacher_student": 1.0, "npo": 0.9},
        "utility": {"base": 1.0, "teacher_student": 0.95, "npo": 0.9},
        "quality": {"base": 1.0, "teacher_student": 0.8, "npo": 0.9},
    }
    (card,) = headline({}, {"wpu": table})
    assert card["value"] == "2 of 3"
    assert "of 2 methods" in card["meaning"]


def test_scatter_values_of_our_method_stand_beside_the_base() -> None:
    cards = headline({}, {"tofu": benchmark_table("tofu")})
    assert ("TOFU: forget quality", "0.001") in [(card["label"], card["value"]) for card in cards]


def test_nothing_measured_says_nothing() -> None:
    assert headline({"missing": "…"}, {"tofu": {"missing": "…"}}) == []
