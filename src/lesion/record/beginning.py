"""A new record: the study, its fingerprint and digest, and the versions that begin it."""

import json
from pathlib import Path

from lesion import digests
from lesion.outputs import make_folder, writing
from lesion.record import layout
from lesion.study.files import write_study
from lesion.study.fingerprint import contents_of, fingerprint
from lesion.study.packages import study_versions
from lesion.study.registration import registered_text
from lesion.study.study import Study


def begin(folder: Path, record: Path, written: Path, study: Study) -> None:
    """Make a run's folder, with an empty record and the resolved study.

    Args:
        folder: of the run; made if it is not there.
        record: file of the record, in the folder.
        written: file of the study, in the folder.
        study: that the run is of.

    Raises:
        LesionError: if the folder cannot be written.
    """
    make_folder(folder, "--out")
    contents = contents_of(study)
    meta = {
        "schema": str(layout.VERSION),
        "study": json.dumps(study.document),
        "fingerprint": fingerprint(study, contents),
        "registered": digests.of_text(registered_text(study, contents)),
        "versions": json.dumps(study_versions(study)),
    }
    with writing(folder, "--out"):
        written.write_text(write_study(study), encoding="utf-8")
        layout.create(record, meta)
