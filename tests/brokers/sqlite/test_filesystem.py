from pathlib import Path

import pytest

from stoker.brokers.sqlite.filesystem import Mount, is_remote, mount_of, parse_mounts, refuse_remote
from stoker.jobs.errors import BrokerRefused

MOUNTINFO = """\
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a
25 22 0:5 / /proc rw,nosuid shared:13 - proc proc rw
30 22 8:1 / /home rw,relatime shared:1 - ext4 /dev/sda1 rw
31 30 0:40 / /home/me/mail rw shared:2 master:1 - nfs4 server:/mail rw,vers=4.2
32 30 0:41 / /home/with\\040space rw - cifs //server/share rw
33 22 8:2 / /data rw - ext4 /dev/sdb1 rw
34 33 0:42 / /data rw - nfs other:/data rw
35 22 0:43 / /cloud rw - fuse.s3fs s3fs rw
36 22 0:44 / /local-fuse rw - fuse.bindfs /home/me rw
no mount at all
"""


def remote(path: str) -> bool:
    mount = mount_of(path, parse_mounts(MOUNTINFO))
    assert mount is not None
    return is_remote(mount)


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("/jobs.db", "/"),
        ("/home/jobs.db", "/home"),
        ("/homes/jobs.db", "/"),
        ("/home/me/mail/in/jobs.db", "/home/me/mail"),
        ("/home/me/mail", "/home/me/mail"),
        ("/home/me/mails/jobs.db", "/home"),
        ("/home/with space/jobs.db", "/home/with space"),
    ],
)
def test_a_file_lies_on_the_longest_mount_that_holds_it(path: str, point: str) -> None:
    mount = mount_of(path, parse_mounts(MOUNTINFO))
    assert mount is not None and mount.point == point


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("/jobs.db", False),
        ("/home/jobs.db", False),
        ("/home/me/mail/jobs.db", True),
        ("/home/with space/jobs.db", True),
        ("/cloud/jobs.db", True),
        ("/local-fuse/jobs.db", False),
    ],
)
def test_network_file_systems_are_known(path: str, is_so: bool) -> None:
    assert remote(path) is is_so


def test_of_two_mounts_on_one_point_the_later_counts() -> None:
    assert remote("/data/jobs.db")


@pytest.mark.parametrize(
    ("kind", "source", "is_so"),
    [
        ("fuse", "host:/path", True),
        ("fuse", "sshfs#me@host", True),
        ("fuse", "/dev/sdb1", False),
        ("fuse.gcsfuse", "bucket", True),
        ("fuseblk", "/dev/sdb1", False),
        ("9p", "share", True),
        ("tmpfs", "tmpfs", False),
    ],
)
def test_a_mount_is_judged_by_kind_and_source(kind: str, source: str, is_so: bool) -> None:
    assert is_remote(Mount("/point", kind, source)) is is_so


def test_a_database_on_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 22 0:44 / {tmp_path} rw - nfs4 server:/jobs rw\n")
    with pytest.raises(BrokerRefused, match="a network file system"):
        refuse_remote(tmp_path / "jobs.db", mounts)


def test_a_link_to_a_network_file_system_is_followed(tmp_path: Path) -> None:
    far, near, mounts = tmp_path / "far", tmp_path / "near", tmp_path / "mountinfo"
    far.mkdir()
    near.symlink_to(far)
    mounts.write_text(f"36 22 0:44 / {far} rw - cifs //server/share rw\n")
    with pytest.raises(BrokerRefused):
        refuse_remote(near / "jobs.db", mounts)


def test_a_local_disk_is_not_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    refuse_remote(tmp_path / "jobs.db", mounts)


def test_where_there_is_no_list_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    refuse_remote(tmp_path / "jobs.db", tmp_path / "missing")
