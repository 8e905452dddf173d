import pytest
import yaml
from typer.testing import CliRunner

import lesion
from lesion.cli import app
from lesion.errors import LesionError
from lesion.planning import pilot, plan
from lesion.study.files import parse_study

STUDY = {
    "name": "small",
    "models": ["twin/en-0", "twin/enfr-0"],
    "tasks": [{"name": "agreement-en", "examples": 96}],
    "lesions": [{"name": "weights", "units": "weights", "order": "random"}],
    "doses": {"from": 0, "to": 0.4, "step": 0.05},
    "draws": 4,
    "compare": {"margin": 0.1},
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    study = parse_study(STUDY)
    return plan.plan(study, until=0.2, out=folder / "pilot", workers=1)


def test_a_pilot_is_a_small_run_of_the_same_comparison():
    study = parse_study(STUDY | {
        "draws": 40, "doses": {"from": 0, "to": 1, "step": 0.01}, "tasks": ["agreement-en"],
    })  # fmt: skip
    small = pilot.pilot(study)
    assert (small.draws, len(small.doses)) == (pilot.DRAWS, pilot.DOSES)
    assert (small.doses[0], small.doses[-1]) == (0, 1)
    assert small.tasks[0].examples == pilot.EXAMPLES
    assert small.lesions == study.lesions and small.compare == study.compare


def test_the_plan_is_narrow_enough_and_its_study_has_its_design(planned):
    best = planned.proposed
    assert best is not None and planned.result is not None
    assert best.surely <= 0.2
    assert planned.result.draws == best.draws
    assert planned.result.tasks[0].examples == best.examples
    assert set(planned.result.doses) <= set(planned.study.doses)
    assert planned.current is not None and planned.current.draws == 4
    assert planned.parts["agreement-en"].example > 0
    assert planned.parts["agreement-en"].most == 600


def test_the_planned_run_has_about_the_half_width_that_was_predicted(planned, tmp_path):
    assert planned.result is not None and planned.proposed is not None
    with lesion.run(planned.result, tmp_path / "run", workers=1) as run:
        (verdict,) = run.verdicts
    assert (verdict.hi - verdict.lo) / 2 == pytest.approx(planned.proposed.widest, rel=0.6)


def test_a_finished_run_can_stand_for_the_pilot(planned):
    study = parse_study(STUDY)
    again = plan.plan(study, hours=0.01, record=planned.pilot, workers=1)
    assert again.pilot == planned.pilot
    assert again.hours == 0.01
    assert [source.name for source in again.sources] == [s.name for s in planned.sources]
    assert again.proposed is None or again.proposed.seconds <= 36


def test_half_width_and_hours_exclude_each_other_and_are_above_0():
    study = parse_study(STUDY)
    with pytest.raises(LesionError) as caught:
        plan.plan(study, 0.1, 1.0)
    assert str(caught.value) == "lesion plan: takes --until or --hours. Got both."
    with pytest.raises(LesionError) as caught:
        plan.plan(study, hours=-1.0)
    assert str(caught.value) == "--hours: must be above 0. Got -1."


def test_the_command_prints_a_table_and_writes_the_study(planned, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    target = tmp_path / "planned.yaml"
    done = CliRunner().invoke(app, [
        "plan", str(path), "--until", "0.2", "--record", str(planned.pilot), "--to", str(target),
        "--workers", "1",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "the plan" in done.output and "half-width" in done.output
    assert "The examples are of 12 clusters" in done.output
    assert lesion.find_study(target).draws >= 3


def test_a_half_width_out_of_reach_is_said_to_be_so(planned, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    done = CliRunner().invoke(app, [
        "plan", str(path), "--until", "0.0001", "--record", str(planned.pilot), "--workers", "1",
    ])  # fmt: skip
    assert done.exit_code == 1
    assert "No design within reach satisfies ± 0.0001." in done.output
    assert "the narrowest" in done.output
