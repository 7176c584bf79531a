"""Words that share a usual sense with a common one in WordNet, and that a reader would stumble over all the same.

Found by reading all pairs that the bar lets through for the words met most often in tagged texts. Bookish, dated, of
one trade only, or usual in another meaning than the listed one. Never offered; where they
stand in a text they are replaced like any other.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words for people and bodies that hurt, which a thesaurus lists like any other: never offered, whatever the bar.
OFFENSIVE = _words(
    """
        arse ass bastard bastards bitch boche boob boobs broad bugger bum chick chink cock coitus coon cracker crap
        cripple croak crone cunt dago damn damned darkie darky dick dwarf dyke fag faggot fatso fuck goddam goddamn
        gook greaser gypsy hag half-caste halfbreed harlot heathen hick honky hooker hun hymie imbecile injun jap
        jerk kike kraut lunatic maniac midget mongoloid moron mulatto negro nigga nigger nigra nookie oriental paki
        papist pecker piss poof prick pussy queer randy redneck redskin retard savage screw shit shtup slob slut sod
        spastic spic spinster squaw tart tit tits tosser tranny turd twat wanker wench wetback wetbacks whore wop
        yid yokel
        """
)
AVOIDED: dict[str, frozenset[str]] = {
    "v": _words("""
        abide acquiesce actuate affirm aid apportion apprehend ascertain ascribe assail associate attest bask batter
        bawl beckon beget begin belie berate bespeak betray buffet chide chortle coalesce concur confine connote conquer
        contend correspond corroborate creep croak decry desert destine detect dictate discount disdain effectuate
        elicit elucidate employ empower enact encamp encompass encourage ensue eschew espouse espy exalt expound
        extenuate falsify fancy fly foreclose forestall forsake fortify foster frustrate furnish fuse gasp gauge
        gesticulate glean glower hanker illumine impede implore impute incline infest inhabit instal interlace
        intertwine jeer lodge maneuver manifest misconstrue mislay muse necessitate oblige obliterate ordain overrun
        perish pertain pervade populate postulate preclude presage print procure promote proscribe quicken race
        rationalize recede reexamine regard relish rend resign retreat rove salvage sanction savor scoff scoot
        secure sidestep sire skirt slay slumber smack smite snub solace stick stray stud substantiate summate
        supplant suppress throttle tilt transcend traverse trigger typify unify utilize utter vacate vivify wail
        warp warrant weather wedge whack wing withstand writhe
        """),
    "n": _words("""
        ace aces aggregation ail antipathy approximation association authorities authority babe backing beast
        bombast bulk bureau calamity career cheering clearness composite conception countersign creature creditor
        daddy dearth decrease decree deity den determination diam dictum diminution doctrine edifice facet faith
        fashion fate fault fella fellow fiat fig foreman freight fright fury gag garrison ginmill haversack heap
        hearth honor household hurler infant infirmary integrity ism jeopardy jest john lad lair laurels lavatory
        licking lieu locality lump luncheon mama mamma manpower matrimony menace merchandise metropolis mill miss
        mode mommy monarch musing narrative nutrient oath occupant onrush oxen pa papa parson pastor patronage
        payoff pedigree periphery perspective petition philosophy plenitude populace potency potentiality
        powerfulness precedence presentment proclamation proprietor province psyche puncher pursuit quarrel rabble
        receipts regime remembrance remonstrance reserves resolution rub satire scores scrutiny sermon serpent setup
        soldiery southpaw specter spire springtime striving sum supra sward technology temper termination textile
        thought tie toilet tons trader triumph tubing uptake valuation verve vestibule virtue vocalization vocation wag
        warfare weariness welter winner works wreath yesteryear youngster
        """),
    "a": _words("""
        abashed abiding actual ailing antic belowground bewhiskered blazing bluish brooding burly cardinal central
        cheery chief circular comic concluding consequent crimson cruel cryptic damned darned deceitful delicious
        deserving despairing discovered drawn drunken elderly envious erudite fleet frightening frightful frustrated
        fury gilded gilt given goddam goddamn goddamned grave handicapped hapless hideous illusive incisive
        infantile intelligible jolly kindred laden learned legal lifelike maximal minimal mundane myriad needed
        noted numb particular pathetic penetrating philosophic piteous poor principal prodigious pronounced queer
        redundant salient savage scriptural sheer sinister soiled solemn sounding spectacular spiritual stupendous
        sundry sunny supreme tactile telling threatening touching transverse unclean unheeding unparalleled
        unremarkable utmost utter wandering wondrous wounded
        """),
    "r": _words("""
        aboard absently afterward alone alternatively apace awful awfully blithely decidedly desperately doubtless
        earnestly emphatically eternally everlastingly heretofore hitherto ill invariably lately later moderately
        mutely nigh northward perfectly plainly presently purposely rearward soberly someplace speedily staggeringly
        strictly supra systematically terribly unusually utterly wondrously
        """),
}
