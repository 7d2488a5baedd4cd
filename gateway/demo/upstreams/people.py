"""300 customers, the same in every run."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

FIRST = (
    "Ada", "Bente", "Carla", "Dilek", "Elin", "Farah", "Greta", "Hana", "Ines", "Jolanta", "Katja", "Leila", "Maren",
    "Nadia", "Oona", "Petra", "Ruth", "Signe", "Tamsin", "Vesna", "Aron", "Bastian", "Cem", "Dario", "Emil", "Florian",
    "Gustav", "Henrik", "Ivo", "Jakob", "Karim", "Lars", "Mateo", "Nils", "Oskar", "Pavel", "Rafael", "Simon", "Tomasz",
    "Viktor",
)  # fmt: skip
LAST = (
    "Almeida", "Berger", "Castellani", "Dahl", "Eriksen", "Fontaine", "Grünwald", "Horvat", "Ivanova", "Jansen",
    "Kowalski", "Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Santos", "Tanaka", "Ulrich",
    "Virtanen", "Weber", "Yilmaz", "Zimmer", "Aydin", "Brandt", "Costa", "Demir", "Engel",
)  # fmt: skip
CITIES = (
    ("Aarhus", "DK"), ("Bergen", "NO"), ("Bologna", "IT"), ("Freiburg", "DE"), ("Gdańsk", "PL"), ("Ghent", "BE"), ("Graz", "AT"),
    ("Leipzig", "DE"), ("Lyon", "FR"), ("Porto", "PT"), ("Tampere", "FI"), ("Uppsala", "SE"), ("Utrecht", "NL"),
    ("Valencia", "ES"),
)  # fmt: skip
DEPARTMENTS = ("Workshop", "Customer Care", "Warehouse", "Web Shop")


def people(count: int = 300, seed: int = 2611) -> list[dict[str, Any]]:
    random = Random(seed)
    names = random.sample([(first, last) for first in FIRST for last in LAST], count)
    joined = date(2015, 2, 1)
    rows = []
    for number, (first, last) in enumerate(names, start=1):
        joined += timedelta(days=random.randint(1, 25))
        rows.append(_person(random, number, first, last, joined))
    return rows


def _person(random: Random, number: int, first: str, last: str, joined: date) -> dict[str, Any]:
    city, country = random.choice(CITIES)
    return {
        "id": f"usr_{number:04}",
        "name": f"{first} {last}",
        "username": f"{first}.{last[:1]}{number}".lower(),
        "joinedOn": joined.isoformat(),
        "city": city,
        "country": country,
        "membership": random.choices(("BASIC", "PLUS", "CLUB"), weights=(6, 3, 1))[0],
        "badges": _badges(random, joined),
        "nickname": first.lower(),
    }


def _badges(random: Random, joined: date) -> list[dict[str, Any]]:
    def awarded() -> str:
        return (joined + timedelta(days=random.randint(30, 400))).isoformat()

    badges: list[dict[str, Any]] = []
    if random.random() < 0.4:
        orders = random.randint(10, 90)
        badges.append(
            {"__typename": "BuyerBadge", "label": f"{orders // 10 * 10}+ orders", "awardedOn": awarded(), "orders": orders}
        )
    if random.random() < 0.2:
        votes = random.randint(25, 400)
        badges.append({"__typename": "ReviewerBadge", "label": "Helpful reviewer", "awardedOn": awarded(), "helpfulVotes": votes})
    if random.random() < 0.05:
        department = random.choice(DEPARTMENTS)
        badges.append(
            {"__typename": "StaffBadge", "label": f"Works here: {department}", "awardedOn": awarded(), "department": department}
        )
    return sorted(badges, key=lambda badge: str(badge["awardedOn"]), reverse=True)
