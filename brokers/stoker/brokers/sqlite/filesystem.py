"""Which file systems a database may lie on.

WAL keeps its index in memory that all processes map, and locks bytes of the file: both hold on one
host only. On a network file system two hosts would write over each other without noticing.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stoker.jobs.errors import BrokerRefused

MOUNTS = Path("/proc/self/mountinfo")
# fmt: off
REMOTE = frozenset((
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "9p", "afs", "ceph", "coda",
    "gfs", "gfs2", "glusterfs", "lustre", "ocfs2", "orangefs", "pvfs2", "beegfs", "davfs",
    "davfs2", "virtiofs",
))
# fmt: on
# fmt: off
REMOTE_FUSE = frozenset((
    "sshfs", "s3fs", "s3ql", "rclone", "glusterfs", "gcsfuse", "goofys", "davfs", "curlftpfs",
    "blobfuse", "blobfuse2", "juicefs", "cephfs", "ceph", "moosefs", "mfs", "seaweedfs", "hdfs",
    "smbnetfs", "nfs", "dbfs", "mount-s3", "geesefs",
))
# fmt: on
_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True):
    """One line of mountinfo: where, what kind, and from where."""

    point: str
    kind: str
    source: str


def parse_mounts(text: str) -> list[Mount]:
    """The mounts of a mountinfo, in its order; lines that do not parse are left out."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, tail = before.split(" "), after.split(" ")
        if separator and len(fields) >= 6 and len(tail) >= 2:
            mounts.append(Mount(_plain(fields[4]), tail[0], _plain(tail[1])))
    return mounts


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that an absolute path without links lies on: the longest, and of those the last."""
    best: Mount | None = None
    for mount in mounts:
        root = mount.point.rstrip("/")
        holds = path == root or path.startswith(root + "/")
        if holds and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def is_remote(mount: Mount) -> bool:
    """Whether this mount's files may be those of another host."""
    kind, _, below = mount.kind.partition(".")
    if kind != "fuse":
        return kind in REMOTE
    # An unnamed FUSE kind is told by its source: "host:/path", or the program's name.
    program = below or mount.source.partition("#")[0]
    return program in REMOTE_FUSE or ":" in mount.source


def refuse_remote(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise BrokerRefused if this file is, or would be, on a network file system."""
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # no Linux
        return
    mount = mount_of(os.path.realpath(path), parse_mounts(text))
    if mount is not None and is_remote(mount):
        raise BrokerRefused(
            f"the database {path} would lie on {mount.point}, a network file system ({mount.kind}): "
            "SQLite's locks do not hold there; put it on a local disk, or use redis:// or postgresql://"
        )


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
