"""A search: the first trial, what is repeated, what it finds."""

from mu.tuning.study import WORST, Search, Tried

SPACE = {"x": {"low": -10.0, "high": 10.0}}


def search():
    return Search("m", "class", "d", "net", {"x": 4.0}, SPACE)


def run(found, trials, start=0):
    for number in range(start, trials):
        options = found.ask()
        failed = number == 2
        found.tell(Tried(options, WORST if failed else (options["x"] - 1) ** 2 / 200))
    return found


def test_the_first_trial_takes_the_defaults():
    assert search().ask() == {"x": 4.0}


def test_the_same_outcomes_give_the_same_trials_however_many_follow():
    few, many = run(search(), 6), run(search(), 12)
    assert [one.options for one in few.tried] == [one.options for one in many.tried][:6]


def test_it_comes_nearer_to_the_optimum_than_its_start():
    found = run(search(), 30)
    assert abs(found.best.options["x"] - 1) < 1
    assert found.best.objective < found.tried[0].objective


def test_of_equal_trials_the_first_is_the_best():
    found = search()
    for _ in range(3):
        found.ask()
        found.tell(Tried({"x": len(found.tried)}, 0.5))
    assert found.best.options == {"x": 0}
