"""What a drawing is made for, and the words that every figure shares."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from .style import MONTHS

Words = dict[str, str]

#: Pixels of a figure for print, and under which one is narrow, for a phone.
WIDTH, NARROW = 720, 500
REGIONS = {
    "CHILE": "Chile",
    "ARICA Y PARINACOTA": "Arica y Parinacota",
    "TARAPACA": "Tarapacá",
    "ANTOFAGASTA": "Antofagasta",
    "ATACAMA": "Atacama",
    "COQUIMBO": "Coquimbo",
    "VALPARAISO": "Valparaíso",
    "METROPOLITANA": "Metropolitana",
    "O'HIGGINS": "O'Higgins",
    "MAULE": "Maule",
    "NUBLE": "Ñuble",
    "BIOBIO": "Biobío",
    "LA ARAUCANIA": "La Araucanía",
    "LOS RIOS": "Los Ríos",
    "LOS LAGOS": "Los Lagos",
    "AYSEN": "Aysén",
    "MAGALLANES": "Magallanes",
    "INTERREGIONAL": "Interregional",
}
#: After the title of a figure of a sample.
SAMPLE = {"es": " (muestra)", "en": " (sample)"}
SOURCE = {"es": "Fuente: SEC, Interrupciones en Línea", "en": "Source: SEC, Interrupciones en Línea"}


@dataclass(frozen=True)
class Frame:
    """What a drawing is made for: language, `_meta` item, and width in pixels."""

    lang: str
    about: dict[str, Any]
    width: int = WIDTH

    def __call__(self, es: str, en: str) -> str:
        """The word of the language."""
        return es if self.lang == "es" else en

    @property
    def narrow(self) -> bool:
        """Whether there is but a phone's width."""
        return self.width < NARROW

    def wrap(self, text: str, size: float, width: float | None = None) -> list[str]:
        """Lines of a text that fit the width at a font size, both in pixels."""
        together = re.sub(r"(?<=\d) (?=%)", "\u00a0", text)
        return textwrap.wrap(together, int((width or self.width) / (size * 0.48)), break_long_words=False) or [""]

    @property
    def regions(self) -> Words:
        """Names of the regions as people write them."""
        return REGIONS | {"UNKNOWN": self("Sin región", "Unknown region")}

    @property
    def nothing(self) -> str:
        """What stands where there is nothing to draw."""
        return self("Sin datos", "No data")

    @property
    def period(self) -> str:
        """First and last month, in words."""
        months = [one["month"] for one in self.about["months"]]
        if not months:
            return self.nothing
        first, last = self.month(months[0]), self.month(months[-1])
        return first if first == last else self(f"{first} a {last}", f"{first} to {last}")

    def month(self, month: str) -> str:
        """A month, YYYY-MM, in words."""
        name = MONTHS[self.lang][int(month[5:7]) - 1]
        return self(f"{name} de {month[:4]}", f"{name} {month[:4]}")

    def source(self, words: Words) -> list[str]:
        """Lines that tell where a figure comes from, and which version of the data this is."""
        about = self.about
        replica = self(" (imitada por una réplica)", " (imitated by a replica)") if about["synthetic"] else ""
        through = max((one["through"] for one in about["months"]), default="")
        until = self(f"datos hasta {_hour(through)} UTC", f"data until {_hour(through)} UTC") if through else ""
        version = f"{(about['commit'] or '-')[:8]}/{about['config_sha256'][:8]}"
        texts = [
            words[self.lang] + replica + ".",
            self("Versión: ", "Version: ") + version + (f", {until}." if until else "."),
        ]
        return self.wrap(" ".join(texts), 11)


def _hour(iso: str) -> str:
    return iso[:16].replace("T", " ")
