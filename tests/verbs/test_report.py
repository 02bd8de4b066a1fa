"""``mu report`` takes the folder of a run or the file in it."""

import records

from mu.results.results import json_text
from mu.verbs.report import command


def test_the_file_of_results_is_as_good_as_its_folder(tmp_path, capsys):
    file = tmp_path / "results.json"
    file.write_text(json_text(records.read({})))
    assert command([str(file)]) == 0
    assert "Made" in capsys.readouterr().out
    assert (tmp_path / "table.md").is_file() and (tmp_path / "report.html").is_file()
