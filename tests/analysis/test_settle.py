import numpy as np
import pytest
from scipy import stats

from lesion.analysis import compare, summary
from lesion.analysis.contrast import VarianceComponent
from lesion.analysis.settle import settling, times_needed

from .simulated import falling_curve, mrpc_labels


def half_of(draws, examples, members=(10, 400)):
    variances = np.array([draws, examples])
    freedom = variances.sum() ** 2 / (variances**2 / (np.array(members) - 1)).sum()
    return stats.t.ppf(0.975, freedom) * np.sqrt(variances.sum())


def component(level, variance, members):
    return VarianceComponent((level,), variance, (members,))


def parts(draws, examples, members=(10, 400)):
    return [
        VarianceComponent(("draws",), draws, (members[0],)),
        VarianceComponent(("examples",), examples, (members[1],)),
    ]


def test_the_draws_needed_are_those_whose_t_interval_is_narrow_enough():
    times = times_needed(parts(4e-4, 1e-4), 0.03, {"draws"})
    n = round(10 * times)
    assert half_of(4e-4 * 10 / n, 1e-4, (n, 400)) <= 0.0301
    assert half_of(4e-4 * 10 / (n - 2), 1e-4, (n - 2, 400)) > 0.03


def test_no_number_of_draws_makes_up_for_too_few_examples():
    assert times_needed(parts(4e-4, 1e-4), 0.015, {"draws"}) is None


def test_the_sentence_and_the_numbers_agree_and_the_cheapest_comes_first():
    found = settling(0.03, 0.02, parts(4e-4, 1e-4))
    assert found.words == (
        f"The interval would have to be ± 0.030; it is ± {half_of(4e-4, 1e-4):.3f}. "
        f"About {found.needed['draws']} draws instead of 10 would settle it."
    )
    assert found.needed == {"draws": int(found.brief.removesuffix(" draws"))}


def test_clusters_are_counted_where_examples_are_resampled_by_them():
    few = [component("draws", 1e-6, 10), component("examples", 4e-4, 12)]
    remedy = settling(0.03, 0.02, few, clustered=True)
    assert set(remedy.needed) == {"clusters"}
    assert remedy.brief == f"{remedy.needed['clusters']} clusters"
    assert "clusters instead of 12 would settle it." in remedy.words
    assert "examples" not in remedy.words


def test_where_no_source_alone_would_do_the_largest_is_named():
    found = settling(0.03, 0.02, parts(3e-4, 3e-4))
    assert found.needed == {}
    times = int(found.brief.removeprefix("×"))
    assert times > 1
    assert f"No source alone would settle it; about {times} times" in found.words
    assert found.words.endswith(
        "times as many of every one would (draws give 50% of the variance)."
    )


def test_among_more_comparisons_more_is_needed():
    alone = settling(0.04, 0.0, parts(4e-4, 1e-4))
    among = settling(0.04, 0.0, parts(4e-4, 1e-4), comparisons=6)
    assert among.needed["draws"] > 1.5 * alone.needed["draws"]
    assert among.words.startswith("Among 6 comparisons, the interval would have to be ± 0.0")


def test_an_unbounded_interval_and_one_out_of_reach_are_said_to_be_so():
    assert settling(np.inf, 0.02, parts(1e-4, 1e-4)).words == (
        "The interval is not bounded: an intact score is too near chance."
    )
    assert settling(0.0001, 0.0002, parts(1.0, 1.0)).words.endswith(
        "No number of trials in reach would settle it."
    )


def test_as_many_draws_as_were_named_bring_the_interval_to_about_its_target():
    def verdict(draws):
        made = [
            falling_curve(np.random.default_rng(n), mrpc_labels(300), model=m, middle=middle,
                          draws=draws, spread=0.2)
            for n, (m, middle) in enumerate((("A", 0.4), ("B", 0.6)))
        ]  # fmt: skip
        return compare.verdicts(summary.analyse(made, replicates=800), "model", 0.0)[0]

    before = verdict(6)
    needed = before.needed["draws"]
    after = verdict(needed)
    assert needed > 6
    assert (after.hi - after.lo) / 2 == pytest.approx(abs(before.delta), rel=0.4)
