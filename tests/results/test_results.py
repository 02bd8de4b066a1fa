"""Results are read as they are written, or refused by name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import records

from mu.results.results import ResultsError, json_text, read_results

TOP = Path(__file__).parents[2]


def saved(folder, **given):
    plain = records.RESULTS | {"cards": [], "rows": [], "verdicts": []} | given
    (folder / "results.json").write_text(json.dumps(plain))
    return folder


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tolerance": {}}, "unexpected keyword argument 'tolerance'"),
        ({"cards": [records.CARD | {"training": {}}]}, "unexpected keyword argument 'training'"),
        ({"rows": [{"request": "class"}]}, "record of another kind"),
        ({"verdicts": [{"ghost": 1}]}, "ghost"),
    ],
)
def test_fields_that_nothing_writes_are_refused(tmp_path, given, named):
    with pytest.raises(ResultsError, match=named) as error:
        read_results(saved(tmp_path, **given))
    assert str(tmp_path) in str(error.value)


def test_what_is_not_known_is_not_written(tmp_path):
    found = json.loads(json_text(read_results(saved(tmp_path))))
    assert not {"classes", "overlaps", "tuning"} & set(found)
    found = json.loads(json_text(read_results(saved(tmp_path, overlaps=[], classes={}))))
    assert (found["overlaps"], found["classes"]) == ([], {})


def test_the_record_loads_no_torch():
    rooms = sorted(path.stem for path in (TOP / "mu/results").glob("[a-z]*.py"))
    code = "; ".join(f"import mu.results.{name}" for name in rooms)
    code += "; import sys; print([m for m in ('torch', 'lightning') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
