"""docs/dialects.md says what the rule files say."""

import pathlib
import subprocess

TOP = pathlib.Path(__file__).parents[2]


def test_the_table_of_products_is_up_to_date():
    run = subprocess.run([TOP / "scripts" / "list-dialects", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_every_rule_file_is_in_the_table():
    page = (TOP / "docs" / "dialects.md").read_text(encoding="utf-8")
    for path in (TOP / "modules" / "sip" / "rules").glob("*.rules"):
        if path.name in ("generic.rules", "phrases.rules"):
            continue
        assert "`%s`" % path.name in page, path.name
