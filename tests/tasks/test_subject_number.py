import numpy as np
import pytest

from lesion.errors import LesionError
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_classes_are_balanced_and_splits_disjoint(language):
    task = load_task(TaskSpec(name=f"subject-number-{language}"))
    train, dev = task.split("train"), task.split("dev")
    assert (len(train), len(dev)) == (340, 160)
    assert np.bincount(train.labels).tolist() == [170, 170]
    assert np.bincount(dev.labels).tolist() == [80, 80]
    assert not set(train.texts[0]) & set(dev.texts[0])
    assert task.language == language


def test_labels_are_the_number_of_the_subject():
    dev = load_task(TaskSpec(name="subject-number-en")).split("train")
    number = dict(zip(dev.texts[0], dev.labels, strict=True))
    singular = [text for text in number if text.startswith("His servant ")]
    plural = [text for text in number if text.startswith(("The children ", "The ladies "))]
    assert singular and plural
    assert {number[text] for text in singular} == {0}
    assert {number[text] for text in plural} == {1}


def test_there_is_no_test_split():
    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec(name="subject-number-fr", split="test")).targets  # noqa: B018
    assert str(caught.value) == (
        "Task 'subject-number-fr': has the splits train and dev. Got 'test'."
    )
