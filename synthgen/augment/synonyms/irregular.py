"""Irregular English forms: verbs, plurals, comparatives, and verbs that double their last letter. Words only."""

from __future__ import annotations

# base past participle; a second participle or past after a slash is understood, the first is written
_VERBS = """
arise arose arisen; awake awoke awoken; be was been; bear bore borne; beat beat beaten; become became become;
begin began begun; bend bent bent; bet bet bet; bid bid bid; bind bound bound; bite bit bitten; bleed bled bled;
blow blew blown; break broke broken; breed bred bred; bring brought brought; broadcast broadcast broadcast;
build built built; burn burned/burnt burned/burnt; burst burst burst; buy bought bought; cast cast cast;
catch caught caught; choose chose chosen; cling clung clung; come came come; cost cost cost; creep crept crept;
cut cut cut; deal dealt dealt; dig dug dug; do did done; draw drew drawn; dream dreamed/dreamt dreamed/dreamt;
drink drank drunk; drive drove driven; dwell dwelt dwelt; eat ate eaten; fall fell fallen; feed fed fed;
feel felt felt; fight fought fought; find found found; flee fled fled; fling flung flung; fly flew flown;
forbid forbade forbidden; forecast forecast forecast; foresee foresaw foreseen; forget forgot forgotten;
forgive forgave forgiven; freeze froze frozen; get got got/gotten; give gave given; go went gone;
grind ground ground; grow grew grown; hang hung hung; have had had; hear heard heard; hide hid hidden; hit hit hit;
hold held held; hurt hurt hurt; keep kept kept; kneel knelt knelt; knit knitted/knit knitted/knit; know knew known;
lay laid laid; lead led led; lean leaned/leant leaned/leant; leap leapt/leaped leapt/leaped;
learn learned/learnt learned/learnt; leave left left; lend lent lent; let let let; lie lay lain; light lit lit;
lose lost lost; make made made; mean meant meant; meet met met;
mislay mislaid mislaid; mislead misled misled; mistake mistook mistaken;
misunderstand misunderstood misunderstood; offset offset offset; outdo outdid outdone; overcome overcame overcome;
overdraw overdrew overdrawn; overhear overheard overheard; oversee oversaw overseen; overtake overtook overtaken;
overthrow overthrew overthrown; pay paid paid; prove proved proven/proved; put put put; quit quit quit;
read read read; rebuild rebuilt rebuilt; redo redid redone; repay repaid repaid; reset reset reset;
resend resent resent; rethink rethought rethought; rewrite rewrote rewritten; rid rid rid; ride rode ridden;
ring rang rung; rise rose risen; run ran run; saw sawed sawn; say said said; see saw seen; seek sought sought;
sell sold sold; send sent sent; set set set; sew sewed sewn; shake shook shaken; shed shed shed; shine shone shone;
shoot shot shot; show showed shown/showed; shrink shrank shrunk; shut shut shut; sing sang sung; sink sank sunk;
sit sat sat; slay slew slain; sleep slept slept; slide slid slid; sling slung slung; slit slit slit;
smell smelled/smelt smelled/smelt; sow sowed sown; speak spoke spoken; speed sped sped;
spell spelled/spelt spelled/spelt;
spend spent spent; spill spilled/spilt spilled/spilt; spin spun spun; spit spat spat; split split split;
spoil spoiled/spoilt spoiled/spoilt; spread spread spread; spring sprang sprung; stand stood stood; steal stole stolen;
stick stuck stuck; sting stung stung; stink stank stunk; stride strode stridden; strike struck struck;
string strung strung; strive strove striven; swear swore sworn; sweep swept swept; swell swelled swollen;
swim swam swum; swing swung swung; take took taken; teach taught taught; tear tore torn; tell told told;
think thought thought; throw threw thrown; thrust thrust thrust; tread trod trodden; undergo underwent undergone;
understand understood understood; undertake undertook undertaken; undo undid undone; unwind unwound unwound;
uphold upheld upheld; upset upset upset; wake woke woken; wear wore worn; weave wove woven; wed wed wed;
weep wept wept; win won won; wind wound wound; withdraw withdrew withdrawn; withhold withheld withheld;
withstand withstood withstood; wring wrung wrung; write wrote written
"""
_PLURALS = """
man men; woman women; child children; person people; foot feet; tooth teeth; goose geese; mouse mice; ox oxen;
knife knives; life lives; wife wives; half halves; self selves; shelf shelves; leaf leaves; loaf loaves; thief thieves;
wolf wolves; calf calves; scarf scarves; analysis analyses; basis bases; crisis crises; thesis theses;
hypothesis hypotheses; diagnosis diagnoses; axis axes; oasis oases; parenthesis parentheses; criterion criteria;
phenomenon phenomena; medium media; datum data; bacterium bacteria; stimulus stimuli; alumnus alumni; nucleus nuclei;
cactus cacti; fungus fungi; index indices/indexes; appendix appendices; matrix matrices; vertex vertices;
potato potatoes; tomato tomatoes; hero heroes; echo echoes; veto vetoes; embargo embargoes; torpedo torpedoes;
series series; species species; means means; aircraft aircraft; sheep sheep; deer deer; fish fish;
quiz quizzes; gas gases; bus buses; passerby passersby; stomach stomachs; monarch monarchs; epoch epochs
"""
_COMPARED = """
good better best; well better best; bad worse worst; badly worse worst; far farther/further farthest/furthest;
little less least; much more most; many more most; ill worse worst
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Two syllables and more with the stress on the last: the letter is doubled. In -l, as British English writes it.
DOUBLING = frozenset(
    _words(
        """
        abhor admit allot annul begin commit compel concur confer control defer deter dispel emit equip excel
        expel forbid forget format handicap incur infer input kidnap occur omit output overlap patrol permit
        prefer program propel rebel recap recur refer regret remit repel rerun submit transfer transmit unplug
        unwrap upset worship cancel channel counsel dial dispel enrol equal fuel fulfil initial label level
        marvel model panel pedal quarrel rival shovel signal snorkel spiral total towel travel tunnel
        """
    )
)
# Three letters of consonant, vowel, consonant at the end of one syllable, and yet not doubled.
NOT_DOUBLING = frozenset({"bus", "gas", "quiz"})


def _table(text: str) -> dict[str, list[list[str]]]:
    lines = (line.split() for line in text.replace("\n", " ").split(";"))
    return {base: [form.split("/") for form in forms] for base, *forms in filter(None, lines)}


VERBS, PLURALS, COMPARED = _table(_VERBS), _table(_PLURALS), _table(_COMPARED)
