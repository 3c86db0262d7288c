"""How full a target is: bytes that the database tells of itself, against the limit of the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import OutagesError
from .reporting import log, say

WARN, REFUSE = 0.85, 0.95  # shares of the limit
MB = 1_000_000  # bytes; the stricter reading of what a hosted database allows


def limit_of(limits: Mapping[str, float | None] | None, target: str) -> float | None:
    """The limit in MB for a kind of target (`publishing.{target}_limit_mb`); None is none."""
    return (limits or {}).get(f"{target}_limit_mb")


def is_full(sizes: Mapping[str, int], limit_mb: float | None, more: int = 0) -> bool:
    """Whether `more` bytes may not be pushed any more. `sizes` are bytes; `database` is what counts."""
    return limit_mb is not None and sizes["database"] + more > REFUSE * limit_mb * MB


def warn(sizes: Mapping[str, int], limit_mb: float | None, host: str) -> None:
    """Warn from 85 % of the limit on."""
    if limit_mb is not None and sizes["database"] >= WARN * limit_mb * MB:
        log().warning("nearly_full", code="CAPACITY_WARNING", host=host, limit_mb=limit_mb, **sizes)
        say(f"  CAPACITY_WARNING: {_told(sizes, limit_mb, host)}")


def refuse(sizes: Mapping[str, int], limit_mb: float, host: str, more: int = 0, pushed: int = 0) -> OutagesError:
    """The error for what was not pushed: the next `more` bytes, after `pushed` rows."""
    done = f"only {pushed:,} rows were" if pushed else "nothing was"
    message = (
        f"{_told(sizes, limit_mb, host)}, and {more / MB:,.1f} MB come next: {done} pushed. Make space there or raise "
        "the limit in the config, and run again."
    )
    return OutagesError("CAPACITY_FULL", message, host=host, limit_mb=limit_mb, more=more, pushed=pushed, **sizes)


def check(sizes: Mapping[str, int], limit_mb: float | None, host: str, more: int) -> None:
    """Warn from 85 % of the limit on; raise CAPACITY_FULL when `more` bytes would go beyond 95 %."""
    if limit_mb is not None and is_full(sizes, limit_mb, more):
        raise refuse(sizes, limit_mb, host, more)
    warn(sizes, limit_mb, host)


def _told(sizes: Mapping[str, int], limit_mb: float, host: str) -> str:
    used = sizes["database"] / MB
    return f"the database at {host} has {used:,.1f} MB, {used / limit_mb:.0%} of {limit_mb:g} MB"
