"""Commands on what there is: list and schema."""

import json
import sys

from lesion.cli.shell import stdout
from lesion.options import ListKind
from lesion.printing import print_names


def list_(kind: ListKind) -> None:
    """List models, tasks, lesions or studies."""
    from lesion.study.catalogue import catalogue

    print_names(stdout, catalogue(kind.value))


def schema() -> None:
    """Print the JSON schema of a study, for editors."""
    from lesion.study.json_schema import study_schema

    sys.stdout.write(json.dumps(study_schema(), indent=2) + "\n")
