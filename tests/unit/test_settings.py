"""The configuration is checked as a whole: each setting that cannot be used is named, with what it should be."""

from typing import Any

import pytest
import yaml
from outages.errors import OutagesError
from outages.fingerprint import REPOSITORY
from outages.settings import check


@pytest.fixture
def config() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    return told


def test_the_defaults_hold(config: dict[str, Any]) -> None:
    check(config)


def test_all_that_is_wrong_is_named_at_once(config: dict[str, Any]) -> None:
    config["months"]["first"] = "2025-13"
    config["source"]["rate"] = "fast"
    config["investments"]["validation"][1].pop("after")
    config["bogus"] = 1
    del config["events"]["open_customers"]
    with pytest.raises(OutagesError) as caught:
        check(config)
    assert caught.value.code == "CONFIG"
    lines = caught.value.message.split("\n  ")
    assert len(lines) == 6
    for setting, why in {
        "months.first": "First local month, `YYYY-MM`",
        "source.rate": "Requests a second",
        "investments.validation.1": '"after" is a required property',
        "the configuration": "'bogus' was unexpected",
        "events": '"open_customers" is a required property',
    }.items():
        [line] = [line for line in lines if line.startswith(f"{setting}: ")]
        assert why in line


def test_what_yaml_reads_as_no_text_is_named_too(config: dict[str, Any]) -> None:
    config |= yaml.safe_load("now: 2025-06-10T12:00:00Z\nhours: {2025: [0, 12]}\naccept_implausible: [2025-01-01]")
    with pytest.raises(OutagesError) as caught:
        check(config)
    assert caught.value.code == "CONFIG"
    now, hours, month = (
        "2025-06-10 12:00:00+00:00 is read as datetime, not as text: put it in quotes (Pretended time",
        "its key 2025 is read as int, not as text: put it in quotes (Hours asked",
        "2025-01-01 is read as date, not as text: put it in quotes",
    )
    lines = caught.value.message.split("\n  ")
    assert [line.split(": ")[0] for line in lines[1:]] == ["accept_implausible.0", "hours", "now"]
    assert all(why in line for why, line in zip((month, hours, now), lines[1:], strict=True))
