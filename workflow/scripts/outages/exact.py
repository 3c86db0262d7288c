"""Numbers of a payload, more strictly than JSON Schema: 3.0 is no integer, NaN and Infinity are no numbers.

Of each schema a check is made once: payloads have hundreds of thousands of values, of few kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

#: Whether a float stands where an integer should in a value that is valid otherwise, or one is no finite number.
Check = Callable[[Any], bool]


def inexact(schema: Mapping[str, Any] | bool) -> Check | None:
    """The check of what a schema allows; None where that holds no numbers. What has no `type` is not looked at."""
    if isinstance(schema, bool):
        return None
    kinds = schema.get("type", ())
    if "oneOf" in schema:
        branches = [check for one in schema["oneOf"] if (check := inexact(one))]
        return lambda value: any(check(value) for check in branches)
    if "number" in kinds:
        return _is_infinite
    if "integer" in kinds:
        return _is_float
    if "array" in kinds:
        return _of_list(schema.get("items", True))
    if "object" in kinds:
        return _of_object(schema.get("properties", {}), schema.get("additionalProperties", True))
    return None


def _is_float(value: Any) -> bool:
    return isinstance(value, float)


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _of_list(items: Mapping[str, Any] | bool) -> Check | None:
    check = inexact(items)
    if check is None:
        return None
    return lambda value: isinstance(value, list) and any(map(check, value))


def _of_object(properties: Mapping[str, Any], others: Mapping[str, Any] | bool) -> Check | None:
    named = [(name, of_property) for name, schema in properties.items() if (of_property := inexact(schema))]
    other = inexact(others)
    if not named and other is None:
        return None

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for name, of_property in named:
            if of_property(value.get(name)):
                return True
        return other is not None and any(other(one) for name, one in value.items() if name not in properties)

    return check
