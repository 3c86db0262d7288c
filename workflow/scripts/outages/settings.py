"""The configuration of a run as Snakemake makes it: defaults with files laid over them, merged and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import OutagesError
from .files import json_bytes
from .fingerprint import REPOSITORY

#: Where a run leaves its merged configuration.
LAST = Path("results/config.json")
#: Parts of the configuration that the figures depend on, and ghost_days of `quality`.
_FIGURES = ("months", "hours", "accept_implausible", "customers", "events", "investments")


def merged(files: Sequence[Path]) -> dict[str, Any]:
    """The defaults with the files laid over them in order, merged, and checked as Snakemake does it."""
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config, validate

    try:
        config: dict[str, Any] = load_configfile(REPOSITORY / "config" / "config.yaml")
        for file in files:
            update_config(config, load_configfile(file))
        validate(config, str(REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"), set_default=False)
    except (WorkflowError, OSError) as error:
        raise OutagesError("CONFIG", f"the configuration cannot be used: {error}") from error
    return config


def of_figures(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of the configuration the figures depend on."""
    return {key: config[key] for key in _FIGURES} | {"ghost_days": config["quality"]["ghost_days"]}


def digest(figures: Mapping[str, Any]) -> str:
    """`config_sha256` of `_meta`, from what `of_figures` gives."""
    return hashlib.sha256(json_bytes(figures)).hexdigest()
