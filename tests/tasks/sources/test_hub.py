"""Reading GLUE from a hub, and the small hub that tests use in its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from huggingface_hub import hf_hub_download, list_repo_files, model_info
from huggingface_hub.errors import EntryNotFoundError
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer

from lesion.errors import LesionError
from lesion.tasks.load import load_task
from lesion.tasks.sampling import sample
from lesion.tasks.spec import TaskSpec
from tests.hub import connected, push, serving

MRPC = {
    "sentence1": ["He ran .", "She sat .", "It rained ."],
    "sentence2": ["He walked .", "She sat down .", "Rain fell ."],
    "label": [0, 1, 1],
    "idx": [0, 1, 2],
}


def write(path: Path, columns, names=("not_equivalent", "equivalent")):
    """A Parquet file with the names of its classes where the datasets library keeps them."""
    feature = {"names": list(names), "_type": "ClassLabel"}
    info = json.dumps({"info": {"features": {"label": feature}}})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata({"huggingface": info}), path)


@pytest.fixture
def hub(tmp_path):
    """A hub with a small `nyu-mll/glue`; gives its address, commit, root and this test's cache."""
    folder = tmp_path / "glue"
    write(folder / "mrpc" / "validation-00000-of-00001.parquet", MRPC)
    halves = [{key: values[:2] for key, values in MRPC.items()}, MRPC]
    for number, half in enumerate(halves):
        write(folder / "mrpc" / f"train-0000{number}-of-00002.parquet", half)
    write(folder / "rte" / "test-00000-of-00001.parquet", {**MRPC, "label": [-1, -1, -1]}, ())
    commit = push(tmp_path / "hub", "nyu-mll/glue", folder, kind="datasets")
    with serving(tmp_path / "hub") as endpoint, connected(endpoint, tmp_path / "cache"):
        yield SimpleNamespace(
            endpoint=endpoint, commit=commit, root=tmp_path / "hub", cache=tmp_path / "cache"
        )


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("LESION_DATA", raising=False)


def test_a_registered_name_is_read_from_the_hub_and_says_from_which_commit(hub):
    task = load_task(TaskSpec("mrpc"))

    assert task.evaluated.texts == (tuple(MRPC["sentence1"]), tuple(MRPC["sentence2"]))
    assert task.targets.tolist() == [0, 1, 1]
    assert task.evaluated.origin == f"nyu-mll/glue@{hub.commit}/mrpc/validation"


def test_a_further_column_is_kept_of_the_split_that_is_evaluated(hub):
    whole = load_task(TaskSpec("mrpc", cluster="label", columns=["sentence1"]))
    assert whole.columns == {"sentence1": tuple(MRPC["sentence1"])}
    assert whole.split("train").columns == {}
    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("mrpc", cluster="idy")).targets
    assert str(caught.value).startswith(
        f"nyu-mll/glue@{hub.commit}/mrpc/validation: there is no column 'idy'. The columns are"
    )


def test_the_shards_of_a_split_are_joined_in_order(hub):
    train = load_task(TaskSpec("mrpc")).split("train")

    assert train.texts[0] == tuple(MRPC["sentence1"][:2] + MRPC["sentence1"])
    assert train.labels.tolist() == [0, 1, 0, 1, 1]


def test_fewer_examples_are_a_sample_as_from_a_folder(hub):
    whole = load_task(TaskSpec("mrpc", split="train")).evaluated
    few = load_task(TaskSpec("mrpc", split="train", examples=3))

    kept = sample(3, "mrpc", np.array([0, 1, 0, 1, 1]))
    assert few.evaluated.texts[0] == tuple(whole.texts[0][place] for place in kept)
    assert sorted(few.targets.tolist()) == [0, 1, 1]
    assert kept.tolist() != [0, 1, 2]


def test_only_the_files_of_the_split_are_downloaded(hub):
    load_task(TaskSpec("mrpc")).split("dev")

    names = [path.name for path in hub.cache.rglob("*.parquet")]
    assert names == ["validation-00000-of-00001.parquet"]


def test_a_pinned_revision_is_read_after_the_branch_has_moved(hub, tmp_path):
    moved = {key: values[::-1] for key, values in MRPC.items()}
    write(tmp_path / "new" / "mrpc" / "validation-00000-of-00001.parquet", moved)
    newer = push(hub.root, "nyu-mll/glue", tmp_path / "new", kind="datasets")

    pinned = load_task(TaskSpec("mrpc", source=f"nyu-mll/glue@{hub.commit}"))
    latest = load_task(TaskSpec("mrpc"))

    assert pinned.targets.tolist() == [0, 1, 1]
    assert latest.targets.tolist() == [1, 1, 0]
    assert latest.evaluated.origin == f"nyu-mll/glue@{newer}/mrpc/validation"
    assert pinned.digest != latest.digest


def test_what_was_read_once_is_read_again_offline(hub):
    online = load_task(TaskSpec("mrpc")).evaluated

    with connected("http://127.0.0.1:9", hub.cache):  # the discard port: nobody answers
        offline = load_task(TaskSpec("mrpc")).evaluated

    assert offline.origin == online.origin
    assert offline.digest == online.digest


def test_offline_with_nothing_in_the_cache_the_error_says_what_was_tried_and_the_remedy(tmp_path):
    with connected("http://127.0.0.1:9", tmp_path), pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mrpc")).split("dev")

    message = str(caught.value)
    start, _, rest = message.partition(" (LocalEntryNotFoundError: ")
    assert start == (
        "The task 'mrpc' could not be read from the dataset nyu-mll/glue at http://127.0.0.1:9, "
        f"and the cache {tmp_path} does not hold it"
    )
    assert rest.endswith(
        "). Give a folder in GLUE's download layout with --data DIR or LESION_DATA "
        "(such as DIR/MRPC/train.tsv)."
    )


def test_a_dataset_without_the_task_is_named_with_its_commit(hub):
    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("wnli")).split("dev")

    assert str(caught.value) == (
        f"nyu-mll/glue@{hub.commit}: has no wnli/validation-*.parquet, which the task 'wnli' "
        "needs. If this machine is offline, load the task once while it is not. Give a folder in "
        "GLUE's download layout with --data DIR or LESION_DATA (such as DIR/MRPC/train.tsv)."
    )


def test_an_unlabelled_test_split_cannot_be_scored(hub):
    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("rte", split="test")).targets

    assert str(caught.value) == (
        f"nyu-mll/glue@{hub.commit}/rte/test: the test split of 'rte' has no labels, so nothing "
        "can be scored on it. Use split: dev. Of GLUE's test sets only MRPC's is labelled."
    )


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        (
            {**MRPC, "label": [0, 1, 2]},
            (),
            ", row 3: the label 2 is not known. The labels are 0 to 1.",
        ),
        (
            MRPC,
            ("equivalent", "not_equivalent"),
            ": expected the classes not_equivalent, equivalent in this order. "
            "Got equivalent, not_equivalent.",
        ),
        (
            {"premise": ["a"], "label": [0]},
            (),
            ": there is no column 'sentence1'. The columns are 'premise', 'label'.",
        ),
    ],
)
def test_a_dataset_of_another_shape_is_refused(hub, tmp_path, columns, names, message):
    write(tmp_path / "odd" / "mrpc" / "validation-00000-of-00001.parquet", columns, names)
    commit = push(hub.root, "me/odd", tmp_path / "odd", kind="datasets")

    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mrpc", source="me/odd")).split("dev")

    assert str(caught.value) == f"me/odd@{commit}/mrpc/validation{message}"


def test_an_unknown_dataset_is_an_error_of_the_users(hub):
    with pytest.raises(LesionError, match="could not be read from the dataset me/nothing at"):
        load_task(TaskSpec("mrpc", source="me/nothing")).split("dev")


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    """A tiny random BERT and its tokenizer, saved as a folder."""
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "he", "she", "ran", "sat", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


def test_transformers_loads_a_model_and_its_tokenizer_from_the_small_hub(hub, bert):
    first = push(hub.root, "me/tiny-bert", bert)

    model = AutoModel.from_pretrained("me/tiny-bert", revision="main")
    tokenizer = AutoTokenizer.from_pretrained("me/tiny-bert", revision=first)

    local = AutoModel.from_pretrained(bert)
    assert model_info("me/tiny-bert").sha == first
    assert (hub.cache / "models--me--tiny-bert" / "snapshots" / first).is_dir()
    for name, tensor in local.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert tokenizer("He ran .")["input_ids"] == [2, 5, 7, 9, 3]


def test_a_model_stays_loadable_by_the_commit_that_a_branch_has_left(hub, bert, tmp_path):
    first = push(hub.root, "me/tiny-bert", bert)
    changed = AutoModel.from_pretrained(bert)
    with torch.no_grad():
        changed.pooler.dense.weight.zero_()
    changed.save_pretrained(tmp_path / "changed")
    second = push(hub.root, "me/tiny-bert", tmp_path / "changed")

    old = AutoModel.from_pretrained("me/tiny-bert", revision=first)
    new = AutoModel.from_pretrained("me/tiny-bert")

    assert model_info("me/tiny-bert").sha == second != first
    assert old.pooler.dense.weight.any()
    assert not new.pooler.dense.weight.any()


def test_the_small_hub_tells_a_missing_repository_from_a_missing_revision_and_file(hub, bert):
    push(hub.root, "me/tiny-bert", bert)

    with pytest.raises(OSError, match="is not a valid model identifier"):
        AutoModel.from_pretrained("me/nothing")
    with pytest.raises(OSError, match="v9 is not a valid git identifier"):
        AutoModel.from_pretrained("me/tiny-bert", revision="v9")
    with pytest.raises(EntryNotFoundError, match="Entry Not Found"):
        hf_hub_download("me/tiny-bert", "nothing.json")
    assert "config.json" in list_repo_files("me/tiny-bert")


@pytest.mark.slow
def test_a_subprocess_needs_only_two_environment_variables(hub, bert, tmp_path):
    push(hub.root, "me/tiny-bert", bert)
    code = (
        "from transformers import AutoModel\n"
        "print(AutoModel.from_pretrained('me/tiny-bert').config.hidden_size)"
    )
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",  # the suite's own setting
    }

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["8"]
