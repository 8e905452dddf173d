import pytest

from lesion.atomic import publish, write, written_aside


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with written_aside(path) as part:
        part.write_text("half")
        assert not path.exists() and part.suffix == ".txt"
    assert path.read_text() == "half" and not part.exists()
    with pytest.raises(FileNotFoundError), written_aside(path) as part:
        (part / "below").write_text("a file without a folder")
    assert path.read_text() == "half"
    write(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_folder_is_published_once_whoever_was_first(tmp_path):
    for content in ("first", "second"):
        work = tmp_path / content
        work.mkdir()
        (work / "last.json").write_text(content)
        publish(work, tmp_path / "target", "last.json")
    assert (tmp_path / "target" / "last.json").read_text() == "first"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "unfinished").touch()
    with pytest.raises(OSError, match="not empty"):
        publish(tmp_path / "second", tmp_path / "other", "last.json")
