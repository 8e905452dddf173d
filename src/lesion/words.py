"""The vocabulary: every value that a study may use, with one line on what it means.

Units, orders, scopes and effects are entries (`lesion.schema.entries`) in `lesion.damage`; here
are the words that have no entries.
"""

CONTROLS = {"matched": "run beside it: as many units of every tensor, but at random"}
RECOVERY = {"steps": "run beside it: trained again so long, destroyed units held, then scored"}


BESIDE = {
    "d50": "the dose at which half of skill is gone",
    "initial_slope": "skill lost for each unit of dose in the first quarter of the doses",
    "steepness": "skill lost for each unit of dose between three quarters and one quarter",
}
