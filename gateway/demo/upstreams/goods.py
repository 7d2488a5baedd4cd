"""20 categories and 1 000 products, the same in every run."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

LINES = ("Alder", "Brook", "Cairn", "Dune", "Ember", "Fjord", "Granite", "Heath", "Inlet", "Juniper")

CATEGORIES: tuple[tuple[str, str, str, float, tuple[str, ...]], ...] = (
    ("tents", "Tents", "For one night or a whole summer.", 260,
     ("One-Person Tent", "Two-Person Tent", "Family Tent", "Tarp", "Bivvy Bag")),
    ("backpacks", "Backpacks", "From the commute to the long trail.", 110,
     ("Daypack", "Trekking Pack", "Roll-Top Pack", "Hip Pack", "Duffel")),
    ("sleeping", "Sleeping", "Warm, dry and off the ground.", 130,
     ("Down Bag", "Summer Bag", "Camping Mat", "Travel Pillow", "Liner")),
    ("stoves", "Stoves", "Hot water anywhere.", 70,
     ("Gas Stove", "Wood Stove", "Alcohol Burner", "Windshield", "Pot Set")),
    ("lights", "Lights", "To see and be seen.", 45,
     ("Headlamp", "Lantern", "Torch", "Bike Front Light", "Bike Rear Light")),
    ("boots", "Boots", "Resoleable, all of them.", 180,
     ("Hiking Boot", "Approach Shoe", "Winter Boot", "Trail Shoe", "Sandal")),
    ("rainwear", "Rainwear", "Free of fluorocarbons.", 150,
     ("Rain Jacket", "Rain Trousers", "Poncho", "Cycling Cape", "Gaiters")),
    ("bicycles", "Bicycles", "Steel frames, built in our workshop.", 1400,
     ("City Bike", "Touring Bike", "Gravel Bike", "Cargo Bike", "Folding Bike")),
    ("bike-parts", "Bicycle Parts", "Everything that wears out.", 38,
     ("Saddle", "Pedals", "Chain", "Tyre", "Grips")),
    ("helmets", "Helmets", "Replaced free of charge after a crash.", 85,
     ("City Helmet", "Touring Helmet", "Climbing Helmet", "Child Helmet", "Ski Helmet")),
    ("bottles", "Bottles", "No plastic taste.", 24,
     ("Steel Bottle", "Insulated Bottle", "Travel Mug", "Food Jar", "Water Bladder")),
    ("coffee", "Coffee", "Slow and good.", 60,
     ("Hand Grinder", "Pour-Over Set", "Moka Pot", "French Press", "Scale")),
    ("kettles", "Kettles", "Steel inside and out.", 55,
     ("Stovetop Kettle", "Gooseneck Kettle", "Electric Kettle", "Camp Kettle", "Teapot")),
    ("knives", "Knives", "Sharpened free, for life.", 75,
     ("Pocket Knife", "Chef's Knife", "Bread Knife", "Paring Knife", "Sharpening Stone")),
    ("pans", "Pans", "Iron, steel and enamel.", 65,
     ("Frying Pan", "Saucepan", "Casserole", "Griddle", "Wok")),
    ("lamps", "Lamps", "Repairable, with standard bulbs.", 95,
     ("Desk Lamp", "Floor Lamp", "Reading Light", "Pendant", "Wall Light")),
    ("chairs", "Chairs", "For eight hours or for an afternoon.", 240,
     ("Office Chair", "Stool", "Deck Chair", "Rocking Chair", "Camp Chair")),
    ("audio", "Audio", "With a replaceable battery.", 140,
     ("Headphones", "Earbuds", "Radio", "Speaker", "Turntable")),
    ("paper", "Paper", "Made in a mill that runs on water.", 14,
     ("Notebook", "Sketchbook", "Planner", "Letter Set", "Field Journal")),
    ("tools", "Tools", "To mend all of the above.", 48,
     ("Multi-Tool", "Repair Kit", "Torque Wrench", "Floor Pump", "Sewing Kit")),
)  # fmt: skip

MATERIALS = (
    "recycled aluminium",
    "stainless steel",
    "waxed cotton",
    "beech",
    "merino wool",
    "cast iron",
    "hemp",
    "oak",
    "recycled nylon",
)
PLACES = ("Graz", "Ghent", "Tampere", "Porto", "Leipzig", "Bergen", "Bologna", "Uppsala")
TAGS = ("bestseller", "handmade", "lightweight", "new", "organic", "recycled", "repairable", "vegan")
AVAILABILITY = ("in_stock", "low_stock", "back_order", "discontinued")


def goods(seed: int = 118) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(categories, products): each category has five kinds of things in ten lines."""
    random = Random(seed)
    categories: list[dict[str, Any]] = []
    products: list[dict[str, Any]] = []
    for slug, name, description, price, kinds in CATEGORIES:
        category = {"slug": slug, "name": name, "description": description, "productCount": len(kinds) * len(LINES)}
        categories.append(category)
        products += [_product(random, category, f"{line} {kind}", price) for line in LINES for kind in kinds]
    random.shuffle(products)
    numbered = [
        {"id": number, "sku": f"{product['category']['slug'][:3].upper()}-{number:04}"} | product
        for number, product in enumerate(products, 1)
    ]
    return categories, numbered


def _product(random: Random, category: dict[str, Any], name: str, price: float) -> dict[str, Any]:
    material, place = random.choice(MATERIALS), random.choice(PLACES)
    amount = round(price * random.uniform(0.6, 1.9)) - 0.1
    return {
        "name": name,
        "description": f"{category['name']} of the {name.split(maxsplit=1)[0]} line, in {material}. Made in {place}.",
        "category": category,
        "price": {"amount": round(amount, 2), "currency": "EUR"},
        "availability": random.choices(AVAILABILITY, weights=(80, 12, 6, 2))[0],
        "weightGrams": round(price * random.uniform(4, 14)),
        "dimensions": {"length": random.randint(8, 60), "width": random.randint(5, 40), "height": random.randint(2, 30)},
        "tags": sorted(random.sample(TAGS, random.randint(0, 3))),
        "releasedOn": (date(2019, 1, 1) + timedelta(days=random.randint(0, 2800))).isoformat(),
        "discontinuedOn": None,
    }
