"""The grammar's word banks. Wide on purpose: 20,000 sentences should hardly share a clause, let alone repeat."""

from __future__ import annotations


def _bank(words: str) -> tuple[str, ...]:
    return tuple(words.split("|"))


NOUNS = _bank(
    "kettle|desk lamp|rain jacket|yoga mat|bike helmet|duvet cover|phone case|office chair|bread maker|picture frame|"
    "hiking boots|coffee grinder|wall clock|garden hose|laptop sleeve|baby monitor|shower head|wool scarf|tent|"
    "chess set|toaster|curtain rail|bath towel|reading light|water filter|suitcase|guitar strap|frying pan|"
    "sewing machine|bookshelf|fish tank|camera bag|running shoes|air purifier|storage box|door lock|mattress|"
    "electric shaver|paint roller|dog bed|radio|scooter|umbrella|thermos|keyboard|headphones|smart plug|blender|"
    "rice cooker|ironing board|backpack|tool kit|leather wallet|window blind|hair dryer|bath scale|puzzle|"
    "wine rack|ski goggles|swim fins|rug|ladder|plant pot|spice rack|mirror|footstool|cat tree|drill|handbag|"
    "watch strap|fountain pen|step counter|projector|karaoke mic|telescope|crib|stroller|lunch box|"
    "carpet cleaner"
)
QUALITIES = _bank(
    "bamboo|grey|foldable|oak|cordless|navy|compact|vintage|waterproof|copper|striped|heavy-duty|linen|red|solar|"
    "leather|ceramic|extra large|second-hand|limited edition|green|velvet|titanium|handmade|small|double|quiet|"
    "walnut|silver|recycled|children's|wireless|white|insulated|cotton|portable|black|gift-wrapped|glass|orange"
)
PARTS = _bank(
    "lid|handle|zip|charger|left hinge|power cable|manual|battery|strap|front panel|seal|remote|base|fitting|"
    "buckle|switch|lining|spare bulb|screw set|filter|plug|cover|label|stand|clip|adapter|button|wheel|hook|"
    "glass door|rubber foot|inner bag|warranty card|colour|size|cap|lock|nozzle|frame|spring"
)
CITIES = _bank(
    "Leeds|Lyon|Porto|Ghent|Turin|Bergen|Cork|Graz|Seville|Aarhus|Gdansk|Tartu|Boston|Denver|Austin|Toronto|Perth|"
    "Osaka|Lima|Quito|Cardiff|Dundee|Basel|Malmo|Utrecht|Bremen|Nantes|Bologna|Split|Brno|Riga|Cadiz|Exeter|York|"
    "Oulu|Linz|Geneva|Salem|Tampa|Tucson|Halifax|Hobart|Nagoya|Bogota|Recife|Durban|Nairobi|Accra|Rabat|Pune"
)
TIMES = _bank(
    "last Tuesday|on Monday|yesterday evening|three days ago|this morning|two weeks ago|on 4 March|on Saturday|"
    "last month|the day before yesterday|on 19 May|before the holidays|on Friday night|about ten days ago|"
    "at the end of June|on Sunday afternoon|an hour ago|in early October|last Thursday|on 27 January|"
    "just after lunch|four weeks ago|on the 11th|during the spring sale|on Wednesday|late last night|on 8 August|"
    "over the weekend|six days ago|right after New Year|on 30 November|earlier today|on 14 July|a fortnight ago"
)
DEADLINES = _bank(
    "before Friday|by tomorrow noon|this week|within three days|before I travel to CITY|by the end of the month|"
    "before my trip on TIME_DAY|today if possible|by Monday morning|before the birthday on TIME_DAY|next week|"
    "before the guarantee ends|ahead of our move to CITY|in the next hour|by 5 pm|before the course starts|"
    "without going to CITY|this afternoon|before winter|while I am still in CITY"
)
DAYS = _bank("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|the 3rd|the 12th|the 21st|the 28th")
NAMES = _bank(
    "Amara|Bruno|Celia|Dmitri|Elif|Farid|Greta|Hugo|Ines|Jonas|Kemal|Lena|Marek|Nadia|Otto|Priya|Quentin|Rosa|"
    "Sven|Tomas|Uma|Viktor|Wanda|Yusuf|Zoe|Anton|Bea|Carlos|Dina|Emil|Freya|Goran|Hana|Ivo|Jana|Kofi"
)
CHANNELS = _bank(
    "in your CITY shop|from the CITY branch|through the app|on your website|at the CITY outlet|by phone|"
    "at the station kiosk in CITY|with a voucher|from the summer catalogue|on your stand at the CITY fair|"
    "as a present for NAME|with two others|for our flat in CITY|for the office in CITY|on instalments|"
    "using my bonus points"
)
PAID = _bank("ordered|bought|picked up|reserved|paid for|was sent|collected|pre-ordered|exchanged|signed for")
PROBLEMS = _bank(
    "the PART arrived cracked|the parcel never left CITY|the PART is missing|the box held a OTHER instead|"
    "it stopped working after COUNT days|you charged me MONEY twice|the PART does not fit|the invoice says MONEY|"
    "tracking has been stuck in CITY for COUNT days|the PART keeps coming loose|it smells of burnt plastic|"
    "nobody in CITY could find it|the discount of MONEY was left out|it went to my old address in CITY|"
    "the PART was already scratched|I was told it is sold out|the colour is nothing like the photo|"
    "the PART broke on the first try|it makes a loud humming noise|the return label will not print|"
    "the courier left it with NAME by mistake|the instructions are for a OTHER|it leaks around the PART|"
    "my refund of MONEY has not come|the PART has the wrong size|only COUNT of nine pieces came|"
    "it is much heavier than described|the PART gets far too hot|the voucher was refused at the till|"
    "it shows as delivered although we were at home"
)
ASKS = _bank(
    "can you send a new PART DEADLINE|please refund the MONEY|who can repair it in CITY|what should I do now|"
    "could someone call me DEADLINE|may I bring it back to the CITY shop|I want my money back|"
    "can I swap it for a OTHER|please tell me when it will arrive|is that covered by the guarantee|"
    "could you check with CITY|how do I send it back from CITY|please cancel everything DEADLINE|"
    "would you take MONEY off the price|can NAME collect the new one DEADLINE|do you need a photo of the PART|"
    "please change the address to CITY|why did nobody warn me|can I keep the OTHER as well|"
    "I need an answer DEADLINE|please ship another one DEADLINE|how long does a repair take|"
    "could you resend the invoice to NAME|is there a spare PART in stock"
)
QUESTIONS = _bank(
    "Do you still stock the QUALITY NOUN CHANNEL_SHORT|Can I return a QUALITY NOUN without the PART|"
    "How much is delivery of a NOUN to CITY|Is the PART of the QUALITY NOUN sold separately|"
    "Will the QUALITY NOUN be back in CITY DEADLINE|Which NOUN fits a QUALITY OTHER|"
    "May I pick up my NOUN in CITY on DAY|Does the QUALITY NOUN come with a PART and a manual|"
    "Can I change the NOUN on my order to a QUALITY OTHER|Where do I enter the MONEY voucher for the NOUN|"
    "Is it possible to split MONEY for a QUALITY NOUN over COUNT months|How do I clean the PART of a QUALITY NOUN|"
    "When does the sale of the QUALITY NOUN end in CITY|Why is the QUALITY NOUN MONEY dearer in CITY|"
    "Can NAME use my account to order the QUALITY NOUN|Would a QUALITY NOUN survive the post to CITY"
)
CHARGES = _bank(
    "charge|card payment|direct debit|cash withdrawal|bank transfer|top-up|delivery fee|late fee|exchange fee|"
    "deposit|subscription fee|pre-authorisation|refund|customs fee|cheque|contactless payment"
)
CHARGE_EVENTS = _bank(
    "showed up on my statement|is still pending|was taken twice|bounced|was refused in CITY|went to the wrong account|"
    "appeared from a shop in CITY|has vanished from the app|came out in the wrong currency|was reversed|"
    "is listed under NAME|does not match the receipt|was made while I was in CITY|is higher than agreed"
)
ACCOUNT_TASKS = _bank(
    "log in|reset my password|change my phone number|add a second card|verify my identity|see my statements|"
    "close the joint account|move my savings|update my address to CITY|activate the new card|"
    "lift the spending cap|download the invoice for the NOUN|pay with the watch|cancel the COUNT month plan|"
    "find the PIN|"
    "switch to paper mail"
)
DEVICES = _bank(
    "on my tablet|with the new app|from my work laptop|on the old phone|while I am in CITY|since the update|"
    "without a code by text|from the CITY branch terminal|in the browser|with NAME's login|after moving to CITY|"
    "since you merged my accounts"
)
COURIER = _bank("dropped|lost|returned|left|delayed|misplaced|delivered|mislabelled|drenched|swapped|held back|forgot")
PRAISE = _bank(
    "Very happy with|I am delighted by|Many thanks for|Really pleased with|Full marks for|My family loves|"
    "Five stars for|Nothing beats|I can only recommend|We were surprised by|Great value,|Good news about"
)
PRAISED = _bank(
    "it survived COUNT weeks in CITY|the PART feels solid|NAME in CITY packed it with care|it came two days early|"
    "the MONEY was well spent|even the PART is easy to clean|it looks better than in the photo|"
    "the repair in CITY took an hour|NAME explained every button|I will order a OTHER next|"
    "it replaced our QUALITY OTHER at once|the new PART fits like a glove"
)
OPENERS = _bank(
    "Hi, |Hello, |Good morning, |Hey, |Good evening, |Hi there, |Dear team, |Hello again, |Quick one: |Hi NAME, |"
    "Morning, |Afternoon, |Second try: |Urgent: |To whom it may concern, |Evening all, "
)
TAILS = _bank(
    " Order REF.| My reference is REF.| Ticket REF.| NAME, CITY.| Invoice REF.| Customer number REF.| Thanks, NAME.|"
    " It is under REF.| Signed, NAME from CITY.| You have it as REF."
)
REFUSALS = (
    "As an AI language model, I cannot help with that request.",
    "I'm sorry, but as an AI language model I am not able to write these messages.",
    "I'm sorry, but I can't assist with that.",
    "As an AI language model, I do not have personal experiences to write about.",
)
