"""What each endpoint answers, as plain values: the world seen through the service at an instant."""

from datetime import date, datetime, timedelta
from typing import Any

from replica.generate import ZONE, Hour, World, label_of, utc_of
from replica.places import LONG_NAMES, customers_by_region

SETTLED = timedelta(hours=48)  # from this age on an hour has its revised version
SERIES_HOURS = 168

Body = dict[str, Any]


class BadRequestError(ValueError):
    """The body cannot be answered."""


def _whole(body: Body, key: str, missing: int | None = None) -> int:
    """A whole number of the body, also as digits; `missing` where it is absent or null."""
    value = body.get(key)
    if value is None and missing is not None:
        return missing
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdigit())):
        raise BadRequestError(f"{key}: {value!r}")
    return int(value)


def asked_hour(body: Body) -> Hour:
    """The hour that a body asks for. Like the service, a body without `hora` gets midnight."""
    try:
        fecha = date(*(_whole(body, key) for key in ("anho", "mes", "dia")))
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    hora = _whole(body, "hora", missing=0)
    if not 0 <= hora <= 23:
        raise BadRequestError(f"hora: {hora}")
    return fecha, hora


def por_fecha(world: World, now: datetime, body: Body) -> list[dict[str, Any]]:
    """GetPorFecha: rows of one hour, none for a future one; an hour younger than 48 h in its first version."""
    fecha, hora = asked_hour(body)
    instant = utc_of(fecha, hora)
    if instant is None or instant > now:
        return []
    return world.rows(fecha, hora, asked=0 if now - instant < SETTLED else 1)


def series(world: World, now: datetime) -> list[dict[str, Any]]:
    """Get: national customers of the last seven days by hour, in lower-case keys; hours without data are absent."""
    labels = dict.fromkeys(label_of(now - timedelta(hours=back)) for back in range(SERIES_HOURS - 1, -1, -1))
    found = []
    for fecha, hora in labels:
        instant = utc_of(fecha, hora)
        young = instant is not None and now - instant < SETTLED
        customers = world.customers(fecha, hora, asked=0 if young else 1)
        if customers is not None:
            found.append(
                {
                    "anho": fecha.year,
                    "mes": fecha.month,
                    "dia": fecha.day,
                    "hora": hora,
                    "clientes_afectados": customers,
                }
            )
    return found


def clientes_nacional() -> list[dict[str, Any]]:
    """GetClientesNacional: customers of the country."""
    return [{"CLIENTES": sum(customers_by_region().values())}]


def clientes_regional(body: Body) -> list[dict[str, Any]]:
    """GetClientesRegional: customers of one region by its long name; for odd region numbers they come as text."""
    known = LONG_NAMES.get(str(body.get("region")))
    if known is None:
        return []
    number, region = known
    customers = customers_by_region()[region]
    return [{"CLIENTES": str(customers) if number % 2 else customers, "REGION_ID": number}]


def hora_server(now: datetime) -> list[dict[str, Any]]:
    """GetHoraServer: local time, zero padded."""
    return [{"FECHA": now.astimezone(ZONE).strftime("%d/%m/%Y %H:%M")}]
