"""What made-up people, things and texts are called. Nobody and nothing real is meant."""

from __future__ import annotations


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


FIRST = _several(
    "Ada|Ben|Clara|Dario|Elif|Felix|Greta|Hugo|Ines|Jonas|Kaia|Leo|Mira|Noah|Olga|Pavel|Quinn|Rosa|Samir|Tilda|Umar|"
    "Vera|Wanda|Xenia|Yusuf|Zoe"
)
LAST = _several(
    "Alder|Bauer|Costa|Dimov|Eriksen|Fontaine|Gruber|Horvat|Ibarra|Jansen|Keller|Lindqvist|Moreau|Novak|Okafor|"
    "Petrov|Quist|Rossi|Sato|Tanaka|Ueda|Vogel|Weiss|Yilmaz|Zeman"
)
ADJECTIVES = _several(
    "Amber|Bright|Calm|Classic|Compact|Copper|Crisp|Daily|Easy|Fine|Grand|Light|Lunar|Nordic|Oak|Plain|Quiet|Rapid|"
    "Silver|Slim|Soft|Solid|Swift|True|Urban|Vivid|Warm|Wild"
)
NOUNS = _several(
    "Backpack|Bench|Bicycle|Blanket|Bottle|Camera|Chair|Clock|Desk|Drone|Guitar|Headphones|Jacket|Kettle|Keyboard|"
    "Lamp|Mug|Notebook|Pan|Rug|Scarf|Shelf|Speaker|Stove|Table|Tent|Teapot|Umbrella|Wallet|Watch"
)
TOPICS = _several("Audio|Books|Coffee|Cooking|Design|Garden|Health|History|Kitchen|Music|Office|Outdoor|Photo|Sport|Tools|Travel")
COMPANIES = _several(
    "Acorn Works|Birch & Sons|Cobalt Labs|Driftwood Goods|Evergreen Supply|Fjord Trading|Granite Group|"
    "Harbour House|Juniper Studio|Lantern Press|Meadow Foods|Northwind Textiles"
)
STREETS = _several("Bridge|Castle|Church|Garden|High|Lake|Market|Mill|Park|Queen|River|School|Station|Tower")
REGIONS = _several("Algarve|Brittany|Flanders|Jutland|Saxony|Styria|Tuscany|Tyrol")
JOBS = _several("Architect|Baker|Designer|Editor|Engineer|Gardener|Nurse|Photographer|Teacher|Translator")
TEAMS = _several("Assortment|Customer Care|Delivery|Finance|Legal|Marketing|Platform|Warehouse")
COLOURS = _several("amber|black|blue|copper|cream|green|grey|navy|olive|red|silver|teal|white")
STATES = _several("active|done|new|open|pending|ready")
SENTENCES = _several(
    "Does exactly what it promises.|Arrived in good time and well packed.|Smaller than it looks in the pictures.|"
    "Made to last, and easy to repair.|We have had ours for a year now.|The colour is warmer than expected.|"
    "Works best with a little patience.|A good choice for every day.|Comes with everything one needs to begin.|"
    "Quiet, light and simple to clean.|Would choose it again.|Pairs well with the rest of the range."
)
TITLES = _several(
    "A good start|Better than expected|Every day in use|Just right|Made with care|Nothing to add|Quite a surprise|"
    "Small but complete|Two weeks later|Worth the wait"
)
PLACES = (
    *(("Aarhus", "DK", "Denmark"), ("Bilbao", "ES", "Spain"), ("Bologna", "IT", "Italy"), ("Bruges", "BE", "Belgium")),
    *(("Cork", "IE", "Ireland"), ("Dresden", "DE", "Germany"), ("Gdansk", "PL", "Poland"), ("Graz", "AT", "Austria")),
    *(("Linz", "AT", "Austria"), ("Lyon", "FR", "France"), ("Malmo", "SE", "Sweden"), ("Porto", "PT", "Portugal")),
    *(("Tampere", "FI", "Finland"), ("Utrecht", "NL", "Netherlands")),
)
"""Cities, the code and the name of their country."""
