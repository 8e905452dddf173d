"""What a twin reads: ordinary text and a primer, as many tokens as were asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lesion.pretraining import corpus
from lesion.pretraining.streams import Batches, Workspace, prepare
from tests.pretraining.test_pretrain import tiny

TOKENS = 4 * 16 * 40


@pytest.fixture(scope="module")
def workspace(novel: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """An English family, half of whose tokens come from a primer."""
    out = tmp_path_factory.mktemp("primed")
    config = tiny(
        groups={"monolingual": ("en",)}, files={"en": {"train": novel.name, "valid": novel.name}},
        tokens=TOKENS, primer_share=0.5, primer_sentences=400,
    )  # fmt: skip
    made = Workspace(config, novel.parent, out, out / "work", "cpu")
    prepare(made)
    return made


def test_the_tokens_read_are_those_asked_for_up_to_one_batch(workspace: Workspace) -> None:
    batches = Batches(workspace, workspace.config.twins()[0])
    read = [batches.at(step).ids.numel() for step in range(batches.steps)]
    assert np.array_equal(np.diff(batches.tokens), read)
    assert TOKENS - 4 * 16 <= sum(read) <= TOKENS
    assert workspace.config.ordinary_steps == 20 and max(read) <= 4 * 16


def test_the_verb_of_a_primer_is_always_masked_and_its_batches_stand_between_ordinary_ones(
    workspace: Workspace,
) -> None:
    batches = Batches(workspace, workspace.config.twins()[0])
    steps = [step for step in range(batches.steps) if batches.order[step] >= 20]
    for step in steps:
        batch_of_primer = batches.primer_batches[batches.order[step] - 20]
        ids = batches.at(step).ids
        verbs = torch.from_numpy(batches.primers[0].verbs[batch_of_primer.chosen])
        assert (ids[torch.arange(len(ids)), verbs + 1] == corpus.MASK).all()
    assert steps[0] < 20 < steps[-1]


def test_any_step_can_be_asked_for_again_and_seeds_read_in_another_order(
    workspace: Workspace,
) -> None:
    twins = workspace.config.twins()[:2]
    first, again = Batches(workspace, twins[0]), Batches(workspace, twins[0])
    [first.at(step) for step in range(first.steps - 1)]
    assert torch.equal(first.at(first.steps - 1).ids, again.at(first.steps - 1).ids)
    other = Batches(workspace, twins[0]._replace(seed=1))
    assert not np.array_equal(other.order[:20], first.order[:20])
    assert not np.array_equal(other.rows(0), first.rows(0))
