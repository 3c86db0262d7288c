"""Stage 8: payloads into dashboard_stats, of Supabase when the environment names one, else of the warehouse.

Only what differs from what is public is sent, together with `_meta` and all at once, and then read back. Unit: one
payload, a bare JSON array. A failure leaves no receipt and what was public as it was.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
from outages.capacity import check, limit_of
from outages.errors import OutagesError
from outages.files import json_bytes, months_files, read_json, sha256, write_json
from outages.hot import Hot, digest_of
from outages.reporting import log, run, say, tell
from outages.targets import Secret, SupabaseTarget, Target, WarehouseTarget, refuse_half, refuse_synthetic

META = "_meta"


def publish(
    done: Path,
    payloads: list[Path],
    meta: Path,
    page: Path,
    repairs: int,
    allow_synthetic: bool,
    cluster: str,
    url: str | None,
    key: Secret | None,
    database_url: Secret | None,
    receipts: list[Path] | None = None,
    golden: Path | None = None,
    moved: Path | None = None,
    archive: str = "",
    limits: dict[str, float | None] | None = None,
) -> None:
    """Publish what has changed, compare what is public with the files, and write the receipt `done`.

    `url` and `key` name a Supabase project; without both the payloads go to the warehouse of `database_url` or of
    the embedded server in `cluster`. `page` only has to be there. `repairs` counts runs that found files gone
    missing; the receipt carries it. `limits` are the targets' sizes in MB (`publishing` of the configuration): a
    database that would go beyond 95 % of its limit takes nothing. The warehouse is first made to hold `golden` and
    the months of `receipts`, the hot table of either target what it held when the receipt `moved` was written.
    Raises an `OutagesError` when the data are synthetic and the target is not the warehouse (unless
    `allow_synthetic`), when the target refuses, or when it then holds something else.
    """
    refuse_half(url, key)
    files = {path.stem: path for path in sorted([*payloads, meta])}
    ours = {name: _read(path) for name, path in files.items()}
    synthetic = _is_synthetic(ours[META], meta)
    refuse_synthetic(synthetic, url, allow_synthetic)
    with _target(url, key, database_url, Path(cluster)) as target:
        limit = limit_of(limits, target.name)
        if golden and moved and receipts:
            _heal(target, receipts, golden, moved, Path(archive), limit)
        changed = _differing(ours, target.read())
        sent = sorted({*changed, META}) if changed else []
        if sent:
            payloads_sent = {name: ours[name] for name in sent}
            if limit is not None:
                check(Hot(target).sizes(), limit, target.host, len(json_bytes(payloads_sent)))
            target.write(payloads_sent)
            differing = _differing(ours, target.read())
            if differing:
                message = f"{target.host} took the payloads but holds others in {', '.join(differing)}: run again."
                raise OutagesError("PUBLISH_MISMATCH", message, ids=differing, host=target.host)
        receipt = {
            "target": target.name,
            "host": target.host,
            "sent": sent,
            "unchanged": sorted(ours.keys() - set(sent)),
            "sha256": {name: sha256(path) for name, path in files.items()},
            "repairs": repairs,
            "synthetic": synthetic,
        }
    log().info("published", **{name: receipt[name] for name in ("target", "host", "sent")})
    tell(f"{len(sent)} of {len(ours)} payloads sent to {receipt['target']} ({receipt['host']})")
    write_json(receipt, done)


def _read(path: Path) -> Any:
    payload = read_json(path)
    if not isinstance(payload, list):
        message = f"{path} is no JSON array, which the reader of the dashboard needs. Nothing was sent."
        raise OutagesError("PUBLISH_PAYLOAD", message, file=str(path))
    return payload


def _is_synthetic(about: list[Any], path: Path) -> bool:
    """Whether the data come from the replica; a `_meta` that does not say so is refused."""
    item = about[0] if about else None
    if not isinstance(item, dict) or not isinstance(item.get("synthetic"), bool):
        message = f"{path} does not tell whether the data are synthetic. Nothing was sent."
        raise OutagesError("PUBLISH_PAYLOAD", message, file=str(path))
    return bool(item["synthetic"])


@contextmanager
def _target(
    url: str | None,
    key: Secret | None,
    database_url: Secret | None,
    cluster: Path,
) -> Iterator[Target]:
    """Where the payloads go."""
    if url and key:
        supabase = SupabaseTarget(url, key)
        try:
            yield supabase
        finally:
            supabase.close()
        return
    from outages.warehouse import opened

    with opened(database_url.reveal() if database_url else None, cluster) as conn:
        yield WarehouseTarget(conn)


def _heal(target: Target, receipts: list[Path], golden: Path, moved: Path, archive: Path, limit: float | None) -> None:
    """Load a warehouse that vanished or is behind again from silver and gold; the hot table of any target too."""
    months: list[str] = []
    stale = False
    if isinstance(target, WarehouseTarget):
        from outages.event_loading import heal_events
        from outages.loading import heal

        months = heal(target.connection, [read_json(path) for path in receipts], receipts[0].parent)
        stale = heal_events(target.connection, golden) or bool(months)
    window = read_json(moved)
    if window["window"] and digest_of(Hot(target).versions()) != window.get("digest"):
        stale = True
        _move_again(target, golden, receipts, archive, limit)
    if stale:
        log().warning("target_healed", code="WAREHOUSE_STALE", months=months, target=target.name)
        say(f"  {target.host} was not complete, or changed by somebody else: loaded again from silver and gold")


def _move_again(target: Target, golden: Path, receipts: list[Path], archive: Path, limit: float | None) -> None:
    """Bring the hot table in line, as stage window does."""
    from outages import cold
    from outages.moving import move
    from outages.warehouse import HOT, transaction

    silver, states = months_files(receipts, ".parquet"), months_files(receipts, ".hours.parquet")
    whole = transaction(target.connection, HOT) if isinstance(target, WarehouseTarget) else nullcontext()
    with cold.exclusive(archive), whole:
        held_back = move(target, golden, silver, states, archive, limit)[1]
    if held_back:
        raise held_back


def _differing(ours: dict[str, Any], public: dict[str, Any]) -> list[str]:
    """Ids whose public data are absent or other than ours."""
    return [name for name, data in ours.items() if name not in public or not _equal(data, public[name])]


def _equal(one: Any, other: Any) -> bool:
    """As `same`; most items are equal to the byte, which is told ten times sooner."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    with suppress(OverflowError):  # an integer of more than 64 bits, which jsonb makes of 1e300
        if msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted"):
            return True
    return same(one, other)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 is 1.0 (jsonb writes 1e300 as an integer), true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or float(str(one)) == float(str(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and one == other


if "snakemake" in globals():
    run(
        publish,
        snakemake,
        url=(os.environ.get("SUPABASE_URL") or "").strip() or None,
        key=Secret.of(os.environ.get("SUPABASE_KEY")),
        database_url=Secret.of(os.environ.get("DATABASE_URL")),
    )
