"""Power in words."""

from mu.reporting.power import expected, power_note
from mu.results.power import Needed, Power

KL, SIL = Needed("KL f", 2, 3, True), Needed("Silhouette", 2, 4, True)
BLIND, NEVER = Needed("RMIA", 9, 20, False), Needed("UA", None, None, False)


def test_a_plan_says_what_tells_and_what_recognises():
    text = expected(Power(2, [KL, SIL]), 5)
    assert text == (
        "2 pairs done; about 2 pairs tell the original from the oracles (KL f); about 4 recognise "
        "a retrain (Silhouette); 5 asked, enough for both"
    )
    assert expected(Power(2, [KL, SIL]), 3).endswith(
        "3 asked, enough to tell, too few to recognise"
    )
    assert expected(Power(2, [KL, BLIND]), 5).endswith("5 asked, too few for either")


def test_a_plan_says_what_is_not_known():
    assert expected(Power(1, [KL]), 5) == (
        "1 pair done; 2 are the fewest that say how many are needed"
    )
    never = expected(Power(3, [KL, NEVER]), 5)
    assert "no number of pairs tells the original from the oracles by UA" in never
    assert "how many recognise a retrain is not known" in never and never.endswith("5 asked")
    unknown = expected(Power(3, [Needed("KL", 3, None, True)], ["RMIA"]), 5)
    assert "without RMIA no row can be called like the oracle" in unknown


def test_a_table_says_only_what_its_pairs_could_not_do():
    assert power_note(None) == power_note(Power(5, [KL, SIL])) == ""
    assert power_note(Power(1, [BLIND])) == ""
    assert power_note(Power(3, [KL, SIL])) == (
        "power: about 4 pairs would recognise a retrain (Silhouette)"
    )
    assert power_note(Power(3, [KL, BLIND])) == (
        "power: 3 pairs cannot tell the original from the oracles by RMIA; about 9 would; "
        "about 20 pairs would recognise a retrain (RMIA)"
    )
    assert power_note(Power(3, [KL, NEVER])) == (
        "power: 3 pairs cannot tell the original from the oracles by UA"
    )
    assert power_note(Power(9, [KL], ["RMIA"])) == (
        "power: without RMIA no row can be called like the oracle"
    )
