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
    wetback wetbacks darky darkie coon kike dago wop spic chink jap gook nigger nigga negro nigra honky cracker
    redneck     yokel hick imbecile
    moron retard cripple spastic bastard bitch whore slut tart hooker harlot pecker prick dick cock
    cunt twat pussy fag faggot poof queer dyke tranny shtup screw fuck nookie coitus damn damned goddamn goddam shit
    crap     piss turd arse ass bum croak gypsy squaw heathen savage halfbreed mulatto mongoloid lunatic maniac papist bugger sod
    dwarf midget fatso slob hag crone spinster broad chick wench tit tits boob boobs jerk paki redskin injun boche hun
    kraut yid hymie greaser oriental half-caste bastards wanker tosser randy
    """
)
AVOIDED: dict[str, frozenset[str]] = {
    "v": frozenset(
        _words(
            """
        abide detect utilize affirm associate empower summate salvage batter elucidate foreclose mislay rationalize reexamine
        confine trigger croak regard relish slay maneuver correspond acquiesce actuate aid apportion apprehend ascertain ascribe assail attest bask bawl
        beckon beget belie berate bespeak betray buffet chide chortle coalesce concur connote conquer contend
        corroborate creep decry desert destine dictate discount disdain effectuate elicit employ encamp
        encompass enact encourage ensue espouse eschew exalt expound extenuate falsify fancy fly forestall
        forsake fortify foster frustrate fuse furnish gasp gauge gesticulate glean glower hanker illumine impede
        implore impute incline infest inhabit instal interlace intertwine jeer lodge manifest misconstrue muse
        necessitate obliterate oblige ordain overrun perish pertain pervade populate postulate preclude presage
        print procure promote proscribe quicken race recede rend resign retreat rove sanction savor scoff scoot
        secure sire skirt slumber smack snub solace stick stray stud substantiate supplant suppress tilt
        transcend traverse typify unify utter vacate vivify warp warrant wedge weather whack wing withstand
        writhe espy smite sidestep throttle wail
        """
        )
    ),
    "n": frozenset(
        _words(
            """
        ace aces fault luncheon matrimony infirmary jest rabble aggregation nutrient household daddy mama mommy mamma lair
        plenitude powerfulness yesteryear bombast presentment foreman fig vocalization toilet perspective wreath fury ail association authorities authority babe beast bulk bureau calamity career cheering
        clearness conception countersign creature dearth decree decrease diam diminution doctrine edifice facet
        faith fashion fella fiat fellow fright freight garrison gag ginmill haversack honor infant integrity ism
        jeopardy john lad lavatory laurels licking lieu locality manpower menace merchandise metropolis mill
        miss mode musing oath occupant onrush parson pastor payoff petition philosophy potency precedence
        proclamation psyche puncher pursuit quarrel receipts regime remonstrance rub satire serpent sermon setup
        soldiery specter springtime sum supra sward technology temper termination textile tie tubing uptake
        verve vestibule vocation warfare welter works wag winner creditor lump approximation antipathy backing
        composite deity den determination dictum fate heap hearth hurler monarch narrative oxen pa papa
        patronage pedigree periphery populace potentiality proprietor province reserves resolution scores
        scrutiny southpaw spire tons trader triumph valuation virtue remembrance striving weariness youngster
        """
        )
    ),
    "a": frozenset(
        _words(
            """
        abiding wandering particular bluish antic hapless abashed unremarkable unparalleled cheery envious legal
        pathetic hideous actual ailing belowground bewhiskered blazing brooding burly cardinal central circular comic
        concluding consequent crimson cruel cryptic damned darned deceitful delicious deserving despairing
        discovered drawn drunken elderly erudite fleet frightening frightful frustrated fury gilded gilt given
        goddam goddamn goddamned grave handicapped illusive incisive infantile intelligible jolly kindred laden
        learned lifelike maximal minimal mundane myriad needed noted numb penetrating philosophic piteous poor
        prodigious pronounced queer redundant salient savage scriptural sheer sinister soiled solemn sounding
        spectacular spiritual stupendous sunny supreme tactile telling threatening touching transverse unclean
        unheeding utter utmost wondrous wounded chief principal sundry
        """
        )
    ),
    "r": frozenset(
        _words(
            """
        alone lately afterward alternatively emphatically eternally hitherto heretofore someplace aboard absently apace awful awfully decidedly desperately doubtless earnestly everlastingly
        ill later moderately mutely nigh northward perfectly plainly presently rearward supra soberly speedily
        strictly systematically unusually utterly wondrously blithely purposely terribly staggeringly invariably
        """
        )
    ),
}
