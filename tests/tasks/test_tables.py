"""Strict reading of tables: what comes out, and the whole message of every mistake."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lesion.errors import LesionError
from lesion.tasks.sources.tables import read_table, read_tsv

ROWS = {"text": ["Salut, le monde", "naïve “words”"], "label": ["yes", "no"]}


def write_tsv(path):
    path.write_text("text\tlabel\nSalut, le monde\tyes\nnaïve “words”\tno\n", encoding="utf-8")


def write_csv(path):
    path.write_text('text,label\n"Salut, le monde",yes\nnaïve “words”,no\n', encoding="utf-8")


def write_jsonl(path):
    lines = [
        json.dumps({"text": text, "label": label})
        for text, label in zip(*ROWS.values(), strict=True)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def write_parquet(path):
    pq.write_table(pa.table(ROWS), path)


WRITERS = {
    "tsv": write_tsv,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("extension", WRITERS)
def test_every_format_gives_the_same_columns(tmp_path, extension):
    path = tmp_path / f"mine.{extension}"
    WRITERS[extension](path)

    table = read_table(path)

    assert {name: list(values) for name, values in table.columns.items()} == ROWS


@pytest.mark.parametrize("extension", ["tsv", "csv", "jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path, extension):
    path = tmp_path / f"mine.{extension}"
    WRITERS[extension](path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert list(read_table(path).columns) == ["text", "label"]


@pytest.mark.parametrize("extension", ["tsv", "csv", "jsonl"])
def test_windows_line_ends_and_blank_lines_change_nothing(tmp_path, extension):
    path = tmp_path / f"mine.{extension}"
    WRITERS[extension](path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n\r\n") + b"\r\n\r\n")

    table = read_table(path)

    assert {name: list(values) for name, values in table.columns.items()} == ROWS


def test_quotation_marks_in_a_tsv_are_text(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text('a\tb\n" he said\tit\'s "fine\n"x"\ty\n')

    columns = read_table(path).columns

    assert columns == {"a": ['" he said', '"x"'], "b": ["it's \"fine", "y"]}


def test_only_a_line_feed_ends_a_line_of_a_tsv(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_bytes("a\tb\none\rtwo\u2028three\x85\tx\n".encode())

    assert read_table(path).columns == {"a": ["one\rtwo\u2028three\x85"], "b": ["x"]}


def test_a_csv_field_may_span_lines_and_later_lines_keep_their_numbers(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text('text,label\n"two\nlines, ""quoted""",yes\nplain,no\n')

    table = read_table(path)

    assert table.columns["text"] == ['two\nlines, "quoted"', "plain"]
    assert table.at(0) == f"{path}, line 2"
    assert table.at(1) == f"{path}, line 4"


def test_a_key_that_a_json_line_lacks_is_a_missing_value(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "a", "label": 1}\n\n{"text": "b"}\n')

    table = read_table(path)

    assert table.columns["label"] == [1, None]
    assert table.at(1) == f"{path}, line 3"


def test_a_file_without_a_header_is_read_under_the_given_names(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("a\tb\nc\td\n")

    table = read_tsv(path, ("first", "second"))

    assert table.columns == {"first": ["a", "c"], "second": ["b", "d"]}
    assert table.at(0) == f"{path}, line 1"


def test_a_few_broken_lines_are_left_out_and_counted_only_where_that_is_allowed(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("a\tb\n" + "x\ty\n" * 1500 + "broken\n" + "x\tz\n" * 500)

    table = read_tsv(path, skip_broken=True)

    assert len(table.columns["a"]) == 2000
    assert table.left_out == 1
    assert table.numbers[1499:1501] == [1501, 1503]
    with pytest.raises(LesionError, match=r"line 1502: expected 2 columns \(a, b\)\. Got 1\."):
        read_tsv(path)


def test_more_than_a_few_broken_lines_are_an_error_even_there(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("a\tb\n" + "x\ty\n" * 1500 + "broken\n" * 2)

    with pytest.raises(LesionError, match=r"line 1502: expected 2 columns"):
        read_tsv(path, skip_broken=True)


MISTAKES = {
    "an empty file": ("x.tsv", b"", ": is empty. Give a file with at least one row of data."),
    "a header only": (
        "x.tsv",
        b"a\tb\n",
        ": has no examples. Give a file with at least one row of data.",
    ),
    "blank lines only": (
        "x.csv",
        b"\n\n",
        ": has no examples. Give a file with at least one row of data.",
    ),
    "an unknown extension": (
        "x.xlsx",
        b"PK",
        ": cannot tell the format from the extension '.xlsx'. "
        "Use one of .tsv, .csv, .jsonl, .parquet.",
    ),
    "a short line": (
        "x.tsv",
        b"a\tb\n1\t2\n3\n",
        ", line 3: expected 2 columns (a, b). Got 1. A text in a .tsv file may hold no tab and no "
        "line end; a quoted .csv file may.",
    ),
    "a long line": (
        "x.csv",
        b"a,b\n1,2,3\n",
        ", line 2: expected 2 columns (a, b). Got 3. A text that holds a comma must stand in "
        "quotation marks.",
    ),
    "an open quotation": (
        "x.csv",
        b'a,b\n1,2\n"3,4\n5,6\n',
        ", line 3: is not CSV (unexpected end of data). A text with commas, quotation marks or "
        "line ends must stand in quotation marks, and those inside it are doubled.",
    ),
    "a column twice": ("x.tsv", b"a\tb\ta\n1\t2\t3\n", ": the header names the column 'a' twice."),
    "latin-1": (
        "x.tsv",
        b"a\tb\nok\tok\nna\xefve\tb\n",
        ", line 3: is not UTF-8 (byte 0xef). Save the file as UTF-8.",
    ),
    "broken JSON": (
        "x.jsonl",
        b'{"a": 1}\n{"a": 1,}\n',
        ", line 2: is not JSON (Illegal trailing comma before end of object at column 8). "
        "Each line of a .jsonl file is one object.",
    ),
    "a JSON list": (
        "x.jsonl",
        b'["a", 1]\n',
        ', line 1: expected an object such as {"text": "\u2026", "label": 0}. Got ["a", 1].',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_file_and_line(tmp_path, mistake):
    name, content, message = MISTAKES[mistake]
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(LesionError) as caught:
        read_table(path)

    # Python 3.13 words this one better than 3.11 does.
    told = str(caught.value).replace(
        "Expecting property name enclosed in double quotes at column 9",
        "Illegal trailing comma before end of object at column 8",
    )
    assert told == f"{path}{message}"


def test_a_file_that_is_no_parquet_is_told(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"a,b\n1,2\n")

    with pytest.raises(LesionError) as caught:
        read_table(path)

    assert str(caught.value).startswith(f"{path}: cannot be read as Parquet (")


def test_a_missing_file_suggests_one_that_is_there(tmp_path):
    (tmp_path / "train.tsv").write_text("a\tb\n")

    with pytest.raises(LesionError) as caught:
        read_table(tmp_path / "trian.tsv")

    assert str(caught.value) == (
        f"{tmp_path / 'trian.tsv'}: there is no such file. Did you mean 'train.tsv'?"
    )


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "x.tsv").mkdir()

    with pytest.raises(LesionError) as caught:
        read_table(tmp_path / "x.tsv")

    assert str(caught.value) == f"{tmp_path / 'x.tsv'}: is a folder. Give one of its files."


def test_a_wrong_column_lists_those_that_there_are(tmp_path):
    path = tmp_path / "mine.tsv"
    write_tsv(path)

    with pytest.raises(LesionError) as caught:
        read_table(path).column("lable")

    assert str(caught.value) == (
        f"{path}: there is no column 'lable'. The columns are 'text', 'label'. "
        "Did you mean 'label'?"
    )
