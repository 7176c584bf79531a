"""Everyday phrases that say the same, and contractions: no thesaurus lists them, every message is full of them.

Only what holds wherever it stands. `a | b` may go either way, `a > b | c` only from the first. Contractions are the
last resort: they change least.
"""

from __future__ import annotations

from collections.abc import Sequence

_PHRASES = """
as soon as possible | as quickly as possible
right now | at the moment | at present
right away | straight away | immediately
a lot of | lots of | plenty of
a couple of | a few
is there a way to | is there any way to | is it possible to
how do i | how can i
how would i > how do i | how can i
how do you > how does one | how can you
how do we | how can we
how long does it take | how much time does it take
how long will it take | how much time will it take
how long do i > how much time do i
how much does it cost | what does it cost
can i > am i able to | could i
can we > are we able to | could we
why can't i > why am i unable to | why am i not able to
why cant i > why am i unable to | why am i not able to
why can i not > why am i unable to
i can't > i am unable to | i'm not able to | i cannot
i cant > i am unable to | i'm not able to | i cannot
i cannot > i am unable to | i can't
i couldn't > i was unable to | i wasn't able to
i could not > i was unable to | i wasn't able to
we can't > we are unable to | we cannot
can you | could you
can you please | could you please | would you please
can someone | could someone
where can i | where do i
what should i do | what do i do | what am i supposed to do
what do i need to do | what do i have to do | what must i do
what do i need > what do i require
do i need to | do i have to
do we need to | do we have to
i need to | i have to | i must
we need to | we have to | we must
you need to | you have to | you must
need to be | have to be
needs to be | has to be
i needed to | i had to
i need a > i require a
i need my > i require my
i want to | i would like to | i'd like to
we want to | we would like to | we'd like to
i want a | i would like a | i'd like a
i want my > i would like my
i wanted to > i was hoping to
i think | i believe
i thought > i believed
i don't think | i don't believe
i guess > i suppose
will i > am i going to
will you > are you going to
i will > i am going to | i'll
tell me how | let me know how | explain to me how
tell me why | let me know why | explain to me why
tell me what | let me know what
tell me if | let me know if | let me know whether
tell me when | let me know when
tell me where | let me know where
let me know > tell me
help me with > assist me with
give me > provide me with
try to | attempt to
tries to | attempts to
trying to | attempting to
tried to | attempted to
seems to | appears to
seem to | appear to
seemed to | appeared to
it seems | it appears
it looks like | it seems that
make sure | ensure
making sure | ensuring
made sure | ensured
waiting for | awaiting
waiting on > waiting for | awaiting
wait for > await
show up | appear
shows up | appears
showed up | appeared
shown up | appeared
showing up | appearing
find out > discover | learn
found out > discovered | learned
look into > investigate
looking into > investigating
looked into > investigated
sort out > resolve
figure out > work out
figured out > worked out
deal with > handle
dealing with > handling
get rid of > dispose of
get in touch with | contact
got in touch with | contacted
get a refund | receive a refund
supposed to | meant to
allowed to | permitted to
used up > exhausted
doesn't work | isn't working | does not work
isn't working | does not work | doesn't work
is not working | does not work | doesn't work
don't work | aren't working
didn't work | did not work | failed to work
do you offer | do you provide
do you have > have you got
do you know > are you aware
i have a > i've got a
i have no > i've got no
i've got a > i have a
i want to know | i would like to know | i'd like to know
i'm looking for | i am searching for
i'm looking to | i am hoping to
looking for > searching for
thanks | thank you
maybe | perhaps
although | though | even though
every time | each time | whenever
each month | every month
each day | every day
each week | every week
each year | every year
so far | up to now | until now
by mistake | by accident | accidentally
on purpose | intentionally | deliberately
instead of | rather than
due to | because of | owing to
in order to > so as to | to
in spite of | despite
for example | for instance
such as > like
as well as > along with
in addition to | besides | on top of
apart from | aside from | other than
about my > regarding my | concerning my
about the > regarding the | concerning the
about this > regarding this | concerning this
about your > regarding your | concerning your
all of my | all my
all of the | all the
all of your | all your
all of our | all our
both of my | both my
the whole | the entire
my whole | my entire
a whole > an entire
a different > another
anybody | anyone
everybody | everyone
somebody | someone
nobody | no one
until > till
at once > immediately
in the app | within the app
through the app | using the app | via the app
a bit | a little
kind of > sort of
anymore | any longer
how come > why is it that
what kind of | what sort of | what type of
what kinds of | what sorts of | what types of
what is the reason > what's the reason
is it okay to | is it all right to | is it fine to
is it ok to | is it all right to | is it fine to
not sure > uncertain | unsure
i'm not sure > i am uncertain | i am unsure
had no idea > did not know
have no idea > do not know
keep an eye on | watch
next to | beside
a number of | several
the majority of > most of
most of the time | usually
from time to time | now and then | occasionally
all the time | constantly
over and over > again and again | repeatedly
a long time > ages | quite a while
for a while | for some time
the other day > recently
these days | nowadays
at first | initially
extra | additional
twice | two times
because > since | as
i was charged | i got charged
made a purchase | bought something
in the mail | by mail
never arrived | did not arrive | didn't arrive
never received | did not receive | didn't receive
should i > am i supposed to
may i > can i | am i allowed to
is it possible for me to > can i | am i able to
why was i > what is the reason i was | how come i was
why am i > what is the reason i am | how come i am
why do i > what is the reason i | how come i
why do you > what is the reason you | how come you
why do we > what is the reason we | how come we
why do they > what is the reason they | how come they
why have i been > what is the reason i have been | how come i have been
why have you > what is the reason you have | how come you have
why is there > what is the reason there is | how come there is
why are there > what is the reason there are | how come there are
how long will this > how much time will this
how long will my > how much time will my
how long does a > how much time does a
how long does the > how much time does the
how long do > how much time do
how long does > how much time does
how long until > how much time until
i see i > i notice i
i see that > i notice that
i noticed | i saw | i spotted
i noticed that | i saw that
on my own | by myself
to begin with | first of all
not only > not just
as far as i know > to my knowledge
in my opinion | to my mind
more or less | roughly
in the end | eventually
in general | generally
in advance | beforehand
in total | altogether
hi | hello
hey > hello | hi
let us know | tell us
should be > ought to be
should have > ought to have
what happens if | what will happen if
what if > what happens if
what happened to > what has happened to
will need to | will have to
they need to | they have to
don't need to | don't have to
do not need to | do not have to
didn't get > didn't receive
did not get > did not receive
haven't got > haven't received
have not got > have not received
to get a | to obtain a
are you able to | can you
unable to | not able to
when can i | when am i able to
what is the point of > what is the use of
is it true that | is it right that
together with | along with
each of the | every one of the
really want to | very much want to
i can see > i see
again > once more | once again
again and again > repeatedly
at all times > always
right after | just after
can i get a > can i obtain a | could i get a
feel free to > do not hesitate to
get back to me > reply to me | answer me
let me down > disappointed me
as far as | so far as
by the way > incidentally
in fact > actually
of course > naturally
on time > punctually
first of all | to start with
next week | the coming week
"""
# Always right, and stiff: for texts in which nothing else can be said in another way.
_STIFF = """
why did > for what reason did
why does > for what reason does
why do > for what reason do
why is > for what reason is
why are > for what reason are
why was > for what reason was
why were > for what reason were
why has > for what reason has
why have > for what reason have
why would > for what reason would
why hasn't > for what reason hasn't
why isn't > for what reason isn't
why didn't > for what reason didn't
why doesn't > for what reason doesn't
who can > who is able to
how can > in what way can
how do > in what way do
how does > in what way does
"""
# written out | drawn together
_CONTRACTIONS = """
do not | don't | dont
does not | doesn't | doesnt
did not | didn't | didnt
is not | isn't | isnt
are not | aren't | arent
was not | wasn't | wasnt
were not | weren't | werent
have not | haven't | havent
has not | hasn't | hasnt
had not | hadn't | hadnt
will not | won't | wont
would not | wouldn't | wouldnt
should not | shouldn't | shouldnt
could not | couldn't | couldnt
cannot | can't | cant
i am | i'm | im
i have been | i've been | ive been
i will | i'll
i would like | i'd like
you are | you're
we are | we're
they are | they're
we have been | we've been
they have been | they've been
that is | that's | thats
what is | what's | whats
where is | where's | wheres
who is | who's
there is | there's
how is | how's
it will | it'll
you will | you'll
we will | we'll
"""
_Table = dict[tuple[str, ...], tuple[str, ...]]


def _read_phrases(written: str) -> _Table:
    table: _Table = {}
    for line in written.strip().splitlines():
        first, arrow, others = line.partition(" > ")
        group = [part.strip() for part in (others if arrow else line).split(" | ") if part.strip()]
        for phrase in [first.strip()] if arrow else group:
            more = [other for other in group if other != phrase]
            key = tuple(phrase.split())
            if more and "|" not in phrase and not phrase.endswith(">"):
                table[key] = tuple(dict.fromkeys([*table.get(key, ()), *more]))
    return table


def _read_contractions() -> _Table:
    table: _Table = {}
    for line in _CONTRACTIONS.strip().splitlines():
        full, short, *sloppy = line.split(" | ")
        table[tuple(full.split())] = (short,)
        for word in (short, *sloppy):
            table[tuple(word.split())] = (full,)
    return table


def _lengths(table: _Table) -> dict[str, list[int]]:
    """Lengths of the phrases that begin with a word, the longest first."""
    found: dict[str, set[int]] = {}
    for phrase in table:
        found.setdefault(phrase[0], set()).add(len(phrase))
    return {word: sorted(lengths, reverse=True) for word, lengths in found.items()}


PHRASES, STIFF, CONTRACTIONS = _read_phrases(_PHRASES), _read_phrases(_STIFF), _read_contractions()
_LENGTHS, _STIFF_LENGTHS = _lengths(PHRASES), _lengths(STIFF)
# Before these a verb stands turned round ("isn't my card"), and "is not my card" would be wrong.
_SUBJECTS = frozenset(
    {"i", "you", "he", "she", "it", "we", "they", "my", "your", "his", "her", "our", "their", "the", "this", "that"}
    | {"these", "those", "there", "a", "an"}
)
_HAS_BEEN = frozenset({"been", "got", "had", "gone", "become"})


def phrase_at(words: Sequence[str], place: int) -> tuple[int, tuple[str, ...]] | None:
    """How many words from `place` on are an everyday phrase, and what else could be said; the longest one counts.

    Args:
        words: In lower case, straight apostrophes; a None-like empty string where a sentence is cut.
        place: Where to look.
    """
    return _at(words, place, PHRASES, _LENGTHS)


def stiff_phrase_at(words: Sequence[str], place: int) -> tuple[int, tuple[str, ...]] | None:
    """As `phrase_at`, for what can only be said more stiffly."""
    return _at(words, place, STIFF, _STIFF_LENGTHS)


def _at(
    words: Sequence[str], place: int, table: _Table, lengths: dict[str, list[int]]
) -> tuple[int, tuple[str, ...]] | None:
    for length in lengths.get(words[place], ()):
        found = table.get(tuple(words[place : place + length]))
        if found:
            return length, found
    return None


def contraction_at(words: Sequence[str], place: int) -> tuple[int, tuple[str, ...]] | None:
    """As `phrase_at`, for contractions written out or drawn together where the word order allows it."""
    for length in (3, 2, 1):
        found = CONTRACTIONS.get(tuple(words[place : place + length]))
        if not found or place + length >= len(words):
            continue
        after, first = words[place + length], words[place]
        is_negated = "n't" in f"{found[0]} {first}" or found[0].endswith("not")
        if after == "" or (is_negated and (after in _SUBJECTS or place == 0 or words[place - 1] == "")):
            continue
        if (after in _HAS_BEEN and found[0].endswith((" is", "'s"))) or after in ("that", "this", "it", "there"):
            continue
        return length, found
    return None
