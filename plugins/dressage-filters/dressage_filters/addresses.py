"""Street addresses by their form: a number and a word for a kind of street."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = r"\d{1,5}(?:[/-]\d{1,4})?[A-Za-z]?"
_NAME = r"[^\W\d_][\w'’.-]*"
_CAPITAL = r"(?:[^\W\d_a-zà-öø-ÿ][\w'’.-]*|\d{1,3}(?:st|nd|rd|th))"

_ENGLISH = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Way|Close|"
    "Crescent|Cres|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Alley|Trail|Plaza"
)
_FIRST = (
    "Rue|Avenue|Boulevard|Chemin|Impasse|Allée|Quai|Calle|Avenida|Avda|Paseo|Carrera|Via|Viale|Piazza|Corso|Rua|"
    "Travessa|Plaza|Place|Ulica|ul|ulitsa"
)
_GLUED = "straße|strasse|str|weg|gasse|allee|platz|straat|laan|plein|gatan|vägen|vegen|vej|katu|kuja"
_LAST = "straße|strasse|str|weg|gasse|allee|platz|straat|laan|plein|utca|út|u|tér"
_UNIT = r"(?:,?\s+(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor)\.?\s*#?\s?\w{1,6}\b)?"

_FORMS = (
    # 12 Main Street, 221b Baker St., 7 West 42nd St Apt. 4 -- capitals, for "3 steps on the way" is no address
    rf"(?<![\w.,#$€£-]){_NUMBER},?\s+(?:{_CAPITAL}\s+){{1,4}}(?:{_ENGLISH})\b\.?{_UNIT}",
    # 12 main street
    rf"(?<![\w.,#$€£-]){_NUMBER}\s+(?:{_NAME}\s+){{1,2}}(?:street|avenue|boulevard)\b(?!\s+\w+s\b){_UNIT}",
    # 12, rue de la Paix
    rf"(?<![\w.,#$€£-]){_NUMBER},?\s+(?i:rue|avenue|boulevard|chemin|impasse|allée|quai|place)\s+"
    rf"(?:(?:de|du|des|la|le|les|l['’]|d['’])\s*){{0,3}}{_CAPITAL}(?:[ -]{_CAPITAL}){{0,3}}",
    # Via Franscini 71, Rua do Arenque 1634, Calle de Alcalá, 12
    rf"\b(?:{_FIRST})\.?\s+(?:(?:de|del|della|do|da|dos|das|la|los|las|el)\s+){{0,2}}"
    rf"(?:{_CAPITAL}\s+){{0,3}}{_CAPITAL},?\s+(?:n[.º°]\s*)?{_NUMBER}\b(?![.,]\d)",
    # Hauptstraße 5, Lindenweg 12a, Erzsébet tér 19, Hlavní ul. 3
    rf"\b{_CAPITAL}(?:[ -]{_CAPITAL}){{0,2}}?(?:{_GLUED}|[ -](?i:{_LAST}))\.?\s+{_NUMBER}\b(?![.,]\d)",
    # P.O. Box 12, PSC 0413, Box 8144
    r"\b(?i:P\.?\s?O\.?\s?Box|PSC \d{1,5},? Box|Unit \d{1,5},? Box)\s+\d{1,6}\b",
)
_forms = tuple(re.compile(form) for form in _FORMS)


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what looks like a street address; finds of two forms may overlap."""
    if not any(character.isdigit() for character in text):
        return
    for form in _forms:
        for match in form.finditer(text):
            yield match.span()
