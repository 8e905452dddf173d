import numpy as np
import pytest
from scipy import stats

from lesion.analysis import compare, meta, summary
from lesion.analysis.meta import Share, Source
from lesion.errors import LesionError

from .simulated import classified, falling_curve, mrpc_labels

# Thirteen trials of the BCG vaccine (Colditz et al. 1994; metafor's dat.bcg): ill and not, with
# and without. What random effects make of their log risk ratios is in metafor's documentation.
TRIALS = np.array([
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
    (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
    (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]).T  # fmt: skip
TREATED, CONTROLS = TRIALS[0] + TRIALS[1], TRIALS[2] + TRIALS[3]
BCG = np.log(TRIALS[0] / TREATED) - np.log(TRIALS[2] / CONTROLS)
BCG_VARIANCES = 1 / TRIALS[0] - 1 / TREATED + 1 / TRIALS[2] - 1 / CONTROLS
MANY = 10**9  # members of a source whose variance is known


def apart(variances):
    """A source for each effect alone."""
    return [
        Source(np.sqrt(v) * np.eye(len(variances))[:, [n]], MANY) for n, v in enumerate(variances)
    ]


def test_independent_effects_have_the_published_result_of_dersimonian_and_laird():
    found = meta.pool(BCG, apart(BCG_VARIANCES))
    assert found.mean.value == pytest.approx(-0.7141, abs=5e-5)
    assert found.error == pytest.approx(0.1787, abs=5e-5)
    assert found.tau**2 == pytest.approx(0.3088, abs=5e-5)
    assert found.q == pytest.approx(152.233, abs=5e-4)
    assert found.expected == pytest.approx(12)
    assert found.i2 == pytest.approx(0.9212, abs=5e-5)


def test_the_interval_of_the_mean_is_student_s_with_one_effect_less_than_there_are():
    found = meta.pool(BCG, apart(BCG_VARIANCES))
    assert found.freedom <= 12
    half = stats.t.ppf(0.975, found.freedom) * found.error
    assert found.mean[1:] == pytest.approx((found.mean.value - half, found.mean.value + half))
    assert found.p == pytest.approx(
        2 * stats.t.sf(-found.mean.value / found.error, found.freedom), rel=1e-6
    )
    ahead = stats.t.ppf(0.975, 11) * np.hypot(found.tau, found.error)
    assert found.another.hi - found.another.value == pytest.approx(ahead, rel=1e-3)


def test_few_members_leave_few_degrees_of_freedom():
    shared = Source(np.full((6, 1), 0.1), 3)  # the same three models in all effects
    found = meta.pool([0.2] * 6, [shared])
    assert found.mean.value == pytest.approx(0.2)
    assert (found.tau, found.error) == pytest.approx((0, 0.1), abs=1e-6)
    assert found.freedom == pytest.approx(2)


def test_the_mean_of_effects_with_one_error_is_no_better_known_than_one_of_them():
    shared, own = Source(np.full((4, 1), 0.3), MANY), apart([0.01] * 4)
    found = meta.pool([0.1, 0.1, 0.1, 0.1], [shared, *own])
    assert found.error == pytest.approx(np.sqrt(0.09 + 0.01 / 4))


def test_heterogeneity_is_that_of_the_effects_beyond_what_their_errors_explain():
    y, shared = [0.0, 1.0, 0.0, 1.0], Source(np.full((4, 1), 5.0), MANY)
    apart_only, with_shared = (
        meta.pool(y, apart([0.01] * 4)),
        meta.pool(y, [shared, *apart([0.01] * 4)]),
    )
    assert apart_only.tau**2 == pytest.approx(np.var(y, ddof=1) - 0.01)
    assert with_shared.tau == pytest.approx(
        apart_only.tau, rel=1e-6
    )  # what moves all is no difference
    assert meta.pool(y, apart([1.0] * 4)).tau == 0
    assert meta.pool(y, apart([1.0] * 4)).i2 == 0


def test_effects_without_any_variance_are_averaged_and_equal_ones_are_certain():
    nothing = [Source(np.zeros((3, 5)), 8)]
    found = meta.pool([0.1, 0.2, 0.3], nothing)
    assert found.mean.value == pytest.approx(0.2)
    assert found.tau == pytest.approx(0.1)
    assert found.error == pytest.approx(0.1 / np.sqrt(3))
    certain = meta.pool([0.2, 0.2, 0.2], nothing)
    assert certain.mean == pytest.approx((0.2, 0.2, 0.2))
    assert (certain.tau, certain.i2, certain.p) == (0, 0, 0)


def test_one_effect_of_variance_nought_does_not_decide_alone():
    found = meta.pool([0.0, 1.0, 1.0, 1.0], apart([0.0, 0.04, 0.04, 0.04]))
    assert np.isfinite(found.mean).all()
    assert found.mean.value > 0.3


def test_two_effects_have_no_prediction_interval_and_one_has_no_mean():
    found = meta.pool([0.1, 0.2], apart([0.01, 0.01]))
    assert found.freedom <= 1
    assert np.isnan(found.another.lo) and np.isnan(found.another.hi)
    with pytest.raises(LesionError) as caught:
        meta.pool([0.1], apart([0.01]))
    assert str(caught.value) == (
        "pool needs two values or more, and sources with a row for each. Got 1 values and sources "
        "of 1."
    )


def test_models_that_one_effect_leaves_out_are_shared_in_part():
    full, without = ("m", "n", "o"), ("m", "o")
    wide = Share(np.array([0.1, -0.3, 0.2]), 3, full)
    (source,) = meta.sources(
        [{("models", "x"): wide}, {("models", "x"): Share(np.array([0.5, -0.5]), 2, without)}]
    )
    np.testing.assert_allclose(source.vectors, [[0.1, -0.3, 0.2], [0.5, 0.0, -0.5]])
    assert source.members == 2


def test_what_groups_have_in_common_is_found_as_by_an_analysis_of_variance():
    y = np.random.default_rng(0).standard_normal((5, 4)) + np.arange(5)[:, None]  # tasks x lesions
    tasks = np.repeat(list("abcde"), 4)
    found = meta.pool(y.ravel(), [Source(np.zeros((20, 1)), MANY)], {"task": tasks})
    between, within = 4 * y.mean(1).var(ddof=1), y.var(1, ddof=1).mean()
    assert found.tau_by == pytest.approx(
        {"task": np.sqrt((between - within) / 4), "beyond": np.sqrt(within)}
    )
    assert found.error == pytest.approx(np.sqrt(between / 20))
    assert 4 < found.freedom < 8
    plain = meta.pool(y.ravel(), [Source(np.zeros((20, 1)), MANY)])
    assert plain.tau_by == {"beyond": plain.tau}
    assert plain.error < found.error


def test_a_grouping_into_one_or_into_as_many_as_there_are_effects_does_not_count():
    y, parts = [0.1, 0.3, 0.8], apart([0.01] * 3)
    found = meta.pool(y, parts, {"task": ["x"] * 3, "lesion": ["p", "q", "r"]})
    assert found == meta.pool(y, parts)


@pytest.mark.parametrize(
    ("own", "task", "least"),
    [(0.0, 0.0, (0.93, 0.93)), (0.1, 0.0, (0.93, 0.88)), (0.0, 0.1, (0.89, 0.83))],
)
def test_intervals_of_correlated_effects_hold_the_truth(own, task, least):
    """Three tasks under four lesions: examples are shared by the lesions, draws by the tasks.

    What varies by task is estimated from three; docs/statistics.md says how much that costs.
    """
    rng, hits, ahead, studies = np.random.default_rng(5), [], [], 600
    tasks, lesions = np.repeat(range(3), 4), np.tile(range(4), 3)
    vectors = [0.06 * (tasks == t) for t in range(3)] + [0.05 * (lesions == n) for n in range(4)]
    parts = [Source(v[:, None], MANY) for v in vectors] + apart([0.02**2] * 12)
    groups = {"task": tasks, "lesion": lesions}
    normal = rng.standard_normal
    for _ in range(studies):
        errors = sum(v * normal() for v in vectors) + 0.02 * normal(12)
        true = 0.3 + own * normal(12) + task * normal(3)[tasks]
        found = meta.pool(true + errors, parts, groups)
        hits.append(found.mean.lo <= 0.3 <= found.mean.hi)
        ahead.append(found.another.lo <= 0.3 + np.hypot(own, task) * normal() <= found.another.hi)
    assert np.mean(hits) >= least[0]
    assert np.mean(ahead) >= least[1]


def world(models="AB", groups=None, tasks=("x", "y"), lesions=("one", "two"), seeds=1):
    made = [
        falling_curve(
            np.random.default_rng([n, t, k]), mrpc_labels(80 + 20 * t), seeds=seeds, draws=4,
            middle=0.4 + 0.04 * n + 0.05 * t, model=model, spread=0.1, task=task, lesion=lesion,
            group=groups[n] if groups else None,
        )
        for n, model in enumerate(models)
        for t, task in enumerate(tasks)
        for k, lesion in enumerate(lesions)
    ]  # fmt: skip
    return summary.analyse(made, replicates=300)


@pytest.mark.parametrize(
    ("models", "groups", "seeds"), [("AB", None, 1), ("AB", None, 3), ("ABCDE", "xxyyy", 2)]
)
def test_each_effect_has_the_variance_of_its_verdict(models, groups, seeds, monkeypatch):
    analyses = world(models, groups, seeds=seeds)
    between = "group" if groups else "model"
    verdicts = compare.verdicts(analyses, between)
    seen = {}
    pool = meta.pool
    monkeypatch.setattr(
        meta,
        "pool",
        lambda y, parts, groups: (seen.update(y=y, parts=parts), pool(y, parts, groups))[1],
    )
    meta.summaries(analyses, verdicts, between)
    v = sum(one.sign * one.vectors @ one.vectors.T for one in seen["parts"])
    wanted = [sum(p.variance for p in verdict.parts) for verdict in verdicts]
    np.testing.assert_allclose(np.diag(v), wanted, rtol=1e-9)
    assert seen["y"] == [verdict.delta for verdict in verdicts]
    if not groups:
        assert v[0, 3] == v[1, 2] == 0  # another task and another lesion: nothing is shared
        assert v[0, 1] != 0 and v[0, 2] != 0
    else:
        assert v[0, 3] != 0  # the models are in all of them


def test_a_pair_has_one_summary_over_its_tasks_and_lesions():
    analyses = world("ABC")
    verdicts = compare.verdicts(analyses, "model", margin=0.9)
    found = meta.summaries(analyses, verdicts, "model")
    assert [(one.a, one.b) for one in found] == [("A", "B"), ("A", "C"), ("B", "C")]
    first = found[0]
    assert (first.effects, first.tasks, first.lesions) == (4, ("x", "y"), ("one", "two"))
    deltas = [v.delta for v in verdicts if (v.a, v.b) == ("A", "B")]
    assert min(deltas) < first.pooled.mean.value < max(deltas)
    assert first.answer in ("equivalent within 0.9", "B retains more")
    assert first.scope.startswith("About these checkpoints, ")


def test_a_comparison_without_a_difference_is_left_out_by_name():
    analyses = world()
    dead = summary.analyse(
        [
            classified(
                np.ones((1, 4, 6, 80), int), mrpc_labels(80), model="B", task="x", lesion="one"
            )
        ],
        replicates=300,
    )
    analyses = [
        dead[0] if (a.model, a.task, a.lesion) == ("B", "x", "one") else a for a in analyses
    ]
    (found,) = meta.summaries(analyses, compare.verdicts(analyses, "model"), "model")
    assert found.effects == 3
    assert found.left_out == ("x, one",)


def test_one_comparison_is_not_summarised():
    analyses = world(tasks=("x",), lesions=("one",))
    assert meta.summaries(analyses, compare.verdicts(analyses, "model"), "model") == []
    assert meta.summaries([], [], "model") == []
