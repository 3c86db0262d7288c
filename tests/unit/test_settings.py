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
