"""The world behind the replica: the answer to any hour, computed from a seed, in shape A or B.

Nothing is remembered between answers but caches, so the order of requests never matters.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from replica.outages import LOOKBACK_DAYS, Outage, Storm, births, by_day, storm_births
from replica.places import places

ZONE = ZoneInfo("America/Santiago")
Row = dict[str, Any]
Hour = tuple[date, int]
# A storm as named above, or (start, hours, regions, severity).
StormLike = Storm | tuple[tuple[date, int], int, tuple[str, ...], float]

CENTRE = ("Metropolitana", "O`Higgins", "La Araucania")
AROUND = ("Coquimbo", "Maule", "Ñuble", "Biobio", "Valparaiso", "Los Rios", "Los Lagos")
AUGUST_2024 = (
    Storm((date(2024, 7, 31), 20), 96, CENTRE, 0.175),
    Storm((date(2024, 7, 31), 16), 96, AROUND, 0.095),
)


@dataclass(frozen=True)
class Ghost:
    """A row that nobody closes: the same outage in every answer from `since` to `until`."""

    region: str
    commune: str
    company: str
    customers: int
    started: date
    until: date


def chilquinta_ghosts(until: date) -> tuple[Ghost, ...]:
    """The two outages of 19 February 2024 that stayed in the answers of the following year."""
    started = date(2024, 2, 19)
    return (
        Ghost("Valparaiso", "Viña del Mar", "CHILQUINTA", 511, started, until),
        Ghost("Valparaiso", "Quilpue", "CHILQUINTA", 63, started, until),
    )


def utc_of(fecha: date, hora: int) -> datetime | None:
    """UTC instant of a local label; the first one where it is doubled, None where it does not exist."""
    instant = datetime.combine(fecha, time(hora), ZONE).astimezone(UTC)
    return instant if instant.astimezone(ZONE).hour == hora else None


def label_of(instant: datetime) -> Hour:
    """Local label of the hour that holds an instant."""
    local = instant.astimezone(ZONE)
    return local.date(), local.hour


class World:
    """Answers of the source for any local hour.

    `switch`: first local date served in shape B (None: always A). `holes`: hours without data. `tiny`: hours that
    name three communes only. `revisions`: hours whose first version (`asked=0`) counts more than later ones.
    `blank_every`: mean number of hours between two rows without region and commune (0: never). `calm` scales the
    number of everyday outages.
    """

    def __init__(
        self,
        seed: int = 1,
        switch: date | None = None,
        storms: Iterable[StormLike] = AUGUST_2024,
        holes: Iterable[Hour] = (),
        tiny: Iterable[Hour] = (),
        revisions: Iterable[Hour] = (),
        blank_every: int = 20,
        ghosts: Iterable[Ghost] | None = None,
        calm: float = 1.0,
    ) -> None:
        self.seed = seed
        self.switch = switch
        self.holes = frozenset(holes)
        self.tiny = frozenset(tiny)
        self.revisions = frozenset(revisions)
        self.blank_every = blank_every
        self.ghosts = tuple(chilquinta_ghosts(date(2025, 2, 28)) if ghosts is None else ghosts)
        self.calm = calm
        named = [storm if isinstance(storm, Storm) else Storm(*storm) for storm in storms]
        self._storms = by_day(o for n, storm in enumerate(named) for o in storm_births(seed, n, storm))
        self._place = {(p.region, p.commune): p for p in places()}
        self._companies = sorted({company for p in places() for company in p.companies})
        self._births = lru_cache(maxsize=64)(self._births_of)
        self._present = lru_cache(maxsize=32)(self._present_on)

    def shape(self, fecha: date) -> str:
        """Shape of the answers about a day, "A" or "B"."""
        return "B" if self.switch is not None and fecha >= self.switch else "A"

    def rows(self, fecha: date, hora: int, asked: int = 0) -> list[Row]:
        """The answer to one hour; `asked=0` is its first version, 1 and more the revised one."""
        if (fecha, hora) in self.holes or utc_of(fecha, hora) is None:
            return []
        outages = self.outages(fecha, hora, asked)
        return self._shape_b(outages) if self.shape(fecha) == "B" else self._shape_a(outages, fecha, hora)

    def body(self, fecha: date, hora: int, asked: int = 0) -> bytes:
        """The answer to one hour as it goes over the wire."""
        return orjson.dumps(self.rows(fecha, hora, asked))

    def customers(self, fecha: date, hora: int, asked: int = 1) -> int | None:
        """Customers without supply in the whole country at one hour, None where there is no answer."""
        rows = self.rows(fecha, hora, asked)
        return sum(row["CLIENTES_AFECTADOS"] for row in rows) if rows else None

    def months(self, first: date, last: date, hours: Iterable[int] = range(24)) -> Iterator[tuple[date, int, bytes]]:
        """Bodies of every hour from one day to another, both included: (fecha, hora, body)."""
        wanted = tuple(hours)
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            fecha = date.fromordinal(ordinal)
            for hora in wanted:
                if utc_of(fecha, hora) is not None:
                    yield fecha, hora, self.body(fecha, hora, asked=1)

    def outages(self, fecha: date, hora: int, asked: int = 0) -> list[Outage]:
        """Outages behind one answer, in its order."""
        label = fecha.toordinal() * 24 + hora
        present = [o for o in self._present(fecha.toordinal()) if o.first <= label < o.last]
        if (fecha, hora) in self.tiny:
            named = sorted({o.place.code for o in present})[:3]
            present = [o for o in present if o.place.code in named]
        random = Random(f"{self.seed}:hour:{label}")
        if (fecha, hora) in self.revisions and asked == 0 and present:
            extra = random.randint(12, 60)  # repaired before, reported after
            present[0] = present[0]._replace(customers=present[0].customers + extra)
        if self.blank_every and random.random() < 1 / self.blank_every and (fecha, hora) not in self.tiny:
            nowhere = places()[0]._replace(region="", commune="")
            present.insert(len(present) // 2, Outage(label, label + 1, 0.5, nowhere, "CGE", 1, fecha.toordinal()))
        return present

    def _births_of(self, day: int) -> list[Outage]:
        return births(self.seed, day, self.calm) + self._storms.get(day, [])

    def _present_on(self, day: int) -> list[Outage]:
        """Every outage present at some hour of a day, ghosts included, in the order of the answers."""
        begin, end = day * 24, day * 24 + 24
        found = [
            outage
            for before in range(day - LOOKBACK_DAYS, day + 1)
            for outage in self._births(before)
            if outage.last > begin and outage.first < end
        ]
        fecha = date.fromordinal(day)
        for number, ghost in enumerate(self.ghosts):
            if ghost.started <= fecha <= ghost.until:
                place, started = self._place[ghost.region, ghost.commune], ghost.started.toordinal()
                found.append(Outage(begin, end, 0.3 + number / 7, place, ghost.company, ghost.customers, started))
        found.sort(key=lambda outage: (outage.order, outage.place.code, outage.first, outage.customers))
        return found

    def _ages(self, fecha: date, hora: int) -> dict[str, str]:
        """Age of each company's last upload: most are prompt, some a quarter of an hour late or more."""
        random = Random(f"{self.seed}:ages:{fecha.toordinal() * 24 + hora}")
        ages = {}
        for company in self._companies:
            draw = random.random()
            minutes = 6 if draw < 0.4 else 6 + random.choice((10, 15, 20, 30, 30, 45))
            if draw > 0.97:
                minutes += 60 * random.randint(1, 3)
            ages[company] = f"0 Dias {minutes // 60} Horas {minutes % 60} Minutos "
        return ages

    def _shape_a(self, outages: list[Outage], fecha: date, hora: int) -> list[Row]:
        ages = self._ages(fecha, hora)
        days = {day: date.fromordinal(day) for day in {o.day for o in outages}}
        started = {n: (d.day, d.month, d.year, f"{d.day}/{d.month}/{d.year}") for n, d in days.items()}
        rows = []
        for _, _, _, place, company, customers, ordinal in outages:
            day, month, year, text = started[ordinal]
            rows.append(
                {
                    "DIA_INT": day,
                    "MES_INT": month,
                    "ANHO_INT": year,
                    "HORA": 0,
                    "DIA": 0,
                    "MES": 0,
                    "ANHO": 0,
                    "NOMBRE_REGION": place.region,
                    "NOMBRE_COMUNA": place.commune,
                    "NOMBRE_EMPRESA": company,
                    "CLIENTES_AFECTADOS": customers,
                    "ACTUALIZADO_HACE": ages[company],
                    "FECHA_INT_STR": text,
                }
            )
        return rows

    def _shape_b(self, outages: list[Outage]) -> list[Row]:
        totals: dict[tuple[str, str], int] = {}
        for outage in outages:
            key = (outage.place.region, outage.place.commune.strip())
            totals[key] = totals.get(key, 0) + outage.customers
        return [
            {"NOMBRE_REGION": region, "NOMBRE_COMUNA": commune, "CLIENTES_AFECTADOS": customers}
            for (region, commune), customers in sorted(totals.items())
        ]


def hours_between(first: Hour, last: Hour) -> frozenset[Hour]:
    """Every label from one hour to another, both included."""
    begin, end = (fecha.toordinal() * 24 + hora for fecha, hora in (first, last))
    return frozenset((date.min + timedelta(days=label // 24 - 1), label % 24) for label in range(begin, end + 1))
