"""Payloads of the dashboard: valid against their JSON Schema or not written at all.

The schemas are workflow/schemas/payloads/{id}.schema.json (draft 2020-12), with exact numbers (exact.py).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from .errors import OutagesError
from .exact import Check, inexact
from .files import json_bytes, replacing

#: In a text it costs a walk through the payload, no more.
_NEGATIVE_ZERO = re.compile(rb"-0\.0\b")


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: object, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_STRICT = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def validate(payload_id: str, value: Any, schemas_dir: Path) -> None:
    """Check a payload against its schema.

    Raises `OutagesError` PAYLOAD_SCHEMA, with id, path of the item ("$[3].mes") and what is wrong there, for the
    first error; also when there is no schema of that name, or it is no valid schema.
    """
    schema, quick, is_inexact = _validators(payload_id, schemas_dir)
    # Most payloads are valid, which the quick validator tells fifty times sooner. What it refuses the strict one names.
    if quick.is_valid(value) and not is_inexact(value):
        return
    error = next(_STRICT(schema, format_checker=_STRICT.FORMAT_CHECKER).iter_errors(value), None)
    if error is not None:
        # A whole payload in the message of an error would hide it.
        message = error.message if len(error.message) <= 300 else f"{error.message[:300]} ..."
        raise _wrong(payload_id, f"{error.json_path}: {message}", path=error.json_path)


def write_payload(payload_id: str, value: Any, path: Path, schemas_dir: Path) -> str:
    """Write a valid payload as canonical JSON, whole or not at all; returns the hex sha256 of the bytes.

    Raises `OutagesError` PAYLOAD_SCHEMA as `validate` does; then `path` stays as it was.
    """
    validate(payload_id, value, schemas_dir)
    try:
        content = json_bytes(value)
        if _NEGATIVE_ZERO.search(content):
            content = json_bytes(_positive_zeros(value))
    except (TypeError, ValueError) as error:
        raise _wrong(payload_id, f"cannot be written as JSON: {error}") from error
    with replacing(path) as part:
        part.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _positive_zeros(value: Any) -> Any:
    """The value without -0.0, which jsonb gives back as 0.0: a reader could not find the digest again."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, list):
        return [_positive_zeros(item) for item in value]
    if isinstance(value, dict):
        return {name: _positive_zeros(item) for name, item in value.items()}
    return value


@cache
def _validators(payload_id: str, schemas_dir: Path) -> tuple[dict[str, Any], Any, Check]:
    """(the schema, the quick validator, the check of its numbers)."""
    path = schemas_dir / f"{payload_id}.schema.json"
    try:
        schema = json.loads(path.read_bytes())
        quick = jsonschema_rs.Draft202012Validator(schema)
    except FileNotFoundError as error:
        raise _wrong(payload_id, f"there is no schema {path}", file=str(path)) from error
    except ValueError as error:
        raise _wrong(payload_id, f"{path} is no JSON Schema: {error}", file=str(path)) from error
    return schema, quick, inexact(schema) or (lambda _: False)


def _wrong(payload_id: str, why: str, **facts: object) -> OutagesError:
    return OutagesError("PAYLOAD_SCHEMA", f"payload {payload_id}: {why}", id=payload_id, **facts)
