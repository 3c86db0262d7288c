"""A share is told rounded down, in texts as in figures."""

import pytest
from outages.figures import BY_ID
from outages.shares import percent

from .test_figures import texts
from .test_figures_marks import figure, region, rule


@pytest.mark.parametrize(
    ("share", "digits", "told"),
    [
        (0.9997, 1, "99.9"), (1.0, 1, "100.0"), (0.7996, 1, "79.9"), (0.8, 1, "80.0"),
        (0.57, 1, "57.0"), (0.29, 2, "29.00"), (0.0, 2, "0.00"), (2 / 3, 2, "66.66"),
    ],
)  # fmt: skip
def test_a_share_is_rounded_down_and_a_whole_number_stays_one(share: float, digits: int, told: str) -> None:
    assert percent(share, digits) == told


@pytest.mark.parametrize(("share", "told"), [(0.9997, "99.9%"), (1.0, "100.0%"), (0.57, "57.0%")])
def test_figures_tell_the_same(share: float, told: str) -> None:
    svg = figure("reliability", reliability=[region("MAULE", 2.5, 1.25) | {"coverage": share}])
    assert f"2025: 4 months of data, coverage {told}" in texts(svg)
    nearly_all = figure("data-quality", eda_quality_stats=[rule("Ghost rows", 999_999, 1_000_000)])
    assert "999,999 (99.99%)" in texts(nearly_all)


def test_no_figure_rounds_a_share_by_itself() -> None:
    for one in BY_ID.values():
        spec = str(one.build("en", {"months": [], "synthetic": False, "commit": None, "config_sha256": "0" * 64}))
        assert "'format': '.1%'" not in spec and "'format': '.2%'" not in spec, one.id
