"""The configuration of a run as Snakemake makes it: defaults with files laid over them, merged and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import OutagesError
from .files import json_bytes
from .fingerprint import REPOSITORY

SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
#: Where a run leaves its merged configuration.
LAST = Path("results/config.json")
#: Parts of the configuration that the figures depend on, and ghost_days of `quality`.
_FIGURES = ("months", "hours", "accept_implausible", "customers", "events", "investments")


def merged(files: Sequence[Path]) -> dict[str, Any]:
    """The defaults with the files laid over them in order, merged, and checked as Snakemake does it."""
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    try:
        config: dict[str, Any] = load_configfile(REPOSITORY / "config" / "config.yaml")
        for file in files:
            update_config(config, load_configfile(file))
    except (WorkflowError, OSError) as error:
        raise OutagesError("CONFIG", f"the configuration cannot be used: {error}") from error
    check(config)
    return config


def check(config: Mapping[str, Any]) -> None:
    """Raise CONFIG with every setting that the schema refuses, what is wrong with it, and what it should be.

    Snakemake's own check shows the whole schema instead, and takes 0.1 s of every run.
    """
    import yaml
    from jsonschema_rs import Draft202012Validator

    with SCHEMA.open("rb") as opened:
        schema: dict[str, Any] = yaml.load(opened, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # What JSON has no word for, the validator cannot read.
    found = list(_foreign(config)) or [
        (tuple(error.instance_path), error.message) for error in Draft202012Validator(schema).iter_errors(config)
    ]
    wrong = [
        f"{'.'.join(map(str, path)) or 'the configuration'}: {message}{_described(schema, path)}"
        for path, message in found
    ]
    if wrong:
        message = "\n  ".join(["it cannot be used as it is (docs/configuration.md):", *sorted(wrong)])
        raise OutagesError("CONFIG", message, settings=sorted(wrong))


def _foreign(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Settings that YAML reads as something else than text, number, list or object: dates without quotes, mostly."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _foreign(inner, (*path, key))
            else:
                yield path, f"its key {key} is read as {type(key).__name__}, not as text: put it in quotes"
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _foreign(inner, (*path, number))
    elif not isinstance(value, str | int | float | None):
        yield path, f"{value} is read as {type(value).__name__}, not as text: put it in quotes"


def _described(schema: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """What the schema says of the setting, when it says something."""
    found: Any = schema
    for key in path:
        found = found.get("properties", {}).get(key, {})
    return f" ({found['description']})" if path and "description" in found else ""


def of_figures(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of the configuration the figures depend on."""
    return {key: config[key] for key in _FIGURES} | {"ghost_days": config["quality"]["ghost_days"]}


def digest(figures: Mapping[str, Any]) -> str:
    """`config_sha256` of `_meta`, from what `of_figures` gives."""
    return hashlib.sha256(json_bytes(figures)).hexdigest()
