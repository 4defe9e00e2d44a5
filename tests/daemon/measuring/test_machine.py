from pathlib import Path

from stoker.daemon.measuring.machine import machine


def test_a_machine_is_described_and_its_disk_left_as_it_was(tmp_path: Path) -> None:
    found = machine(tmp_path)
    assert found.cores >= 1
    assert found.processor
    assert found.python.count(".") == 2
    assert 0 < found.sync < 1e6
    assert list(tmp_path.iterdir()) == []
