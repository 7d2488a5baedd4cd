"""5 000 reviews of products 1 to 1 000 by customers usr_0001 to usr_0300, the same in every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

TITLES = {
    1: ("Broke within a month", "Sent it back", "Not what I ordered", "Disappointing", "Save your money"),
    2: ("Expected more", "Good idea, poor finish", "Has its moments", "Two stars for the colour", "Not for daily use"),
    3: ("Does what it says", "Decent for the price", "Fine, nothing more", "Mixed feelings", "Middle of the road"),
    4: ("Really pleased", "Nearly perfect", "Would buy again", "Better than the old one", "A solid choice"),
    5: ("Exactly what I needed", "Worth every cent", "A joy to use", "Still going strong", "Best gift of the year"),
}
OPENINGS = {
    1: ("I wanted to like it, but it failed on the second outing.", "It arrived scratched and the replacement was no better."),
    2: ("It looks the part, yet the details let it down.", "After three weeks the first parts came loose."),
    3: ("It does its job without much charm.", "For the money there is little to complain about."),
    4: ("After a season of use I am very happy with it.", "Comes close to something twice the price."),
    5: ("I use it every single day and it has not let me down.", "My neighbour borrowed it and bought her own a week later."),
}
DETAILS = (
    "The weight on the page is accurate; I checked on the kitchen scales.",
    "Delivery took two days, and the packaging was cardboard only.",
    "Cleaning it is quick, which matters more than I thought.",
    "The manual is thin, but you will not need it.",
    "It is a little larger than it looks in the pictures.",
    "The colour is closer to moss than to green.",
    "My hands are small and it still sits well.",
    "It spent a wet week in the Alps and dried overnight.",
    "The service desk answered within the hour when I had a question.",
    "One screw needed tightening out of the box.",
    "It is quieter than the one it replaces.",
    "The stitching is even, and spare parts are listed on the site.",
)
CLOSINGS = (
    "I would choose it again.", "Time will tell how long it lasts.", "My partner disagrees, for the record.",
    "Order one size up.", "Wait for the spring sale.", "Recommended for beginners.", "",
)  # fmt: skip
CAPTIONS = ("On the first morning", "After a year", "Size comparison", "The detail in question", None)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def opinions(count: int = 5000, products: int = 1000, authors: int = 300, seed: int = 1126) -> list[dict[str, Any]]:
    """Newest first. A few products are talked about much more than the rest, as everywhere."""
    random = Random(seed)
    written, rows = NOW, []
    for number in range(count, 0, -1):
        written -= timedelta(minutes=random.randint(5, 600))
        talked_about = min(int(random.expovariate(5) * products), random.randrange(products))
        product = 1 + (talked_about if random.random() < 0.5 else random.randrange(products))
        rows.append(_opinion(random, number, product, random.randint(1, authors), written))
    return rows


def _opinion(random: Random, number: int, product: int, author: int, written: datetime) -> dict[str, Any]:
    rating = random.choices((1, 2, 3, 4, 5), weights=(6, 8, 16, 34, 36))[0]
    sentences = (random.choice(OPENINGS[rating]), *random.sample(DETAILS, random.randint(1, 2)), random.choice(CLOSINGS))
    return {
        "id": f"rev_{number:05}",
        "productId": str(product),
        "authorId": f"usr_{author:04}",
        "rating": rating,
        "title": random.choice(TITLES[rating]),
        "text": " ".join(sentences).strip(),
        "writtenAt": written.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "helpfulVotes": int(random.expovariate(1 / 4)),
        "status": "DISPUTED" if random.random() < 0.02 else "PUBLISHED",
        "attachments": [_attachment(random, number, n) for n in range(random.choices((0, 1, 2), weights=(85, 11, 4))[0])],
        "stars": rating,
    }


def _attachment(random: Random, review: int, n: int) -> dict[str, Any]:
    address = f"https://media.reviews.example.com/{review:05}/{n}"
    if random.random() < 0.2:
        return {"__typename": "Video", "url": f"{address}.mp4", "duration": round(random.uniform(4, 90), 1)}
    wide, high = random.choice(((1600, 1200), (1200, 1600), (2048, 2048)))
    return {"__typename": "Photo", "url": f"{address}.jpg", "width": wide, "height": high, "caption": random.choice(CAPTIONS)}
