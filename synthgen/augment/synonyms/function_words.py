"""English words that carry grammar rather than meaning, in the classes that tell a neighbour's part of speech.

Words only. A word of `STOP` is never replaced; one of `NEGATIONS` is never deleted or moved either.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an the my your his her its our their every whose no")
DETERMINERS = _words(
    "this that these those some any each another which what several many few much more most other same own such both "
    "all either neither enough first second third last next one two three four five six seven eight nine ten"
)
SUBJECTS = _words("i we they he she who whoever everyone everybody someone somebody nobody anyone anybody")
PRONOUNS = _words(
    "you it me us them him myself yourself himself herself itself ourselves themselves something anything nothing "
    "everything there here mine yours theirs ours"
)
MODALS = _words(
    "can could will would shall should may might must do does did don't doesn't didn't can't cannot couldn't won't "
    "wouldn't shan't shouldn't mightn't mustn't let's please i'll you'll we'll they'll he'll she'll it'll "
    "i'd you'd we'd they'd he'd she'd gonna wanna dont doesnt didnt cant couldnt wont wouldnt shouldnt"
)
HAVE = _words(
    "have has had having haven't hasn't hadn't i've you've we've they've could've would've should've havent hasnt "
    "hadnt ive"
)
BE = _words(
    "am is are was were be been being isn't aren't wasn't weren't i'm you're we're they're he's she's it's that's "
    "there's what's where's who's here's how's im isnt arent wasnt werent thats whats ain't get gets got getting"
)
PREPOSITIONS = _words(
    "of in for with on at by from about into through during after before without within between against over under "
    "via per than as onto upon until till since despite across along around behind beside beyond near off out toward "
    "towards inside outside among except like unlike regarding concerning"
)
DEGREE = _words("very too so really quite pretty extremely fairly rather how totally completely absolutely somewhat")
# Between a verb and what decides its form: looked through.
PASSED_OVER = _words(
    "not never just still already also always ever even only again currently recently actually now usually often then "
    "simply really finally almost probably definitely maybe sometimes yet"
)
CONJUNCTIONS = _words(
    "and or but nor if because while when where why whether though although unless once plus versus vs"
)
NEGATIONS = _words(
    "not no never none nobody nothing nowhere neither nor cannot without hardly barely scarcely unless except don't "
    "doesn't didn't can't couldn't won't wouldn't shan't shouldn't mightn't mustn't haven't hasn't hadn't isn't aren't "
    "wasn't weren't ain't dont doesnt didnt cant couldnt wont wouldnt shouldnt havent hasnt hadnt isnt arent wasnt"
)
# Verbs that mean what their company makes them mean ("take place", "get rid of"), and words whose listed synonyms are
# seldom what is meant.
LIGHT = _words(
    """
    be have do get make take give go come put let keep set turn run bring hold look seem feel become show leave work
    call try use need want like know think see say tell ask mean happen pay play stand fall break cut pass carry draw
    drop pick point pull push raise move walk throw hit catch lose win meet fill hang stay sit lie lay
    thing things way ways time times lot lots bit kind sort type number part end side case fact place people person man
    woman guy day days week weeks month months year years hour hours minute minutes second seconds today tomorrow
    yesterday tonight morning evening afternoon night noon hundred thousand million dozen percent
    good well right left new old great little big small high low long short same different able sure fine okay ok
    back up down away else hello hi hey dear thanks thank sorry yes yeah yep nope please welcome bye mr mrs ms dr sir
    madam     top line auto babe lei den john save link tot gal din tog blah
    """
)
GRAMMAR = (
    ARTICLES
    | DETERMINERS
    | SUBJECTS
    | PRONOUNS
    | MODALS
    | HAVE
    | BE
    | PREPOSITIONS
    | DEGREE
    | PASSED_OVER
    | CONJUNCTIONS
    | NEGATIONS
    | _words("i i'd i'll")
)
STOP = (GRAMMAR | LIGHT | _words("to am pm etc ie eg s t re ve ll d m")) - _words(
    "currently recently usually often probably definitely totally completely extremely finally simply"
)
